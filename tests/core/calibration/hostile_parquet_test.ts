import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CompactReader } from "../../../core/calibration/compact_reader.ts";
import { readParquetFooter } from "../../../core/calibration/parquet_footer.ts";
import { pageCompressors } from "../../../core/calibration/parquet_compressors.ts";
import { countPages } from "../../../core/calibration/parquet_pages.ts";
import { parquetSource } from "../../../core/calibration/parquet_source.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

/** A varint. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
  return [...bytes, value];
}

/** A field of 32 bits that follows the one before. */
function i32(value: number): number[] {
  return [0x15, ...varint(value < 0 ? -2 * value - 1 : 2 * value)];
}

/** A header of a data page, version 1: kind, sizes, and the header inside it with the number of values. */
function page(unpacked: number, packed: number, values: number): number[] {
  const inside = [...i32(values), ...i32(0), ...i32(3), ...i32(3), 0];
  return [...i32(0), ...i32(unpacked), ...i32(packed), 0x2c, ...inside, 0];
}

Deno.test("pages are counted before they are unpacked", () => {
  const chunk = Uint8Array.from([...page(500, 3, 7), 1, 2, 3, ...page(9, 0, 2), ...page(9, 99, 9)]);
  assert.deepEqual(countPages(chunk, 9), { values: 9, unpackedBytes: 509 });
  const huge = Uint8Array.from(page(2 ** 31 - 1, 0, 2 ** 31 - 1));
  assert.deepEqual(countPages(huge, 1), { values: 2 ** 31 - 1, unpackedBytes: 2 ** 31 - 1 });
  assert.throws(() => countPages(chunk, 10), /longer than the file/);
  for (const wrong of [page(-1, 0, 1), page(1, -1, 1), page(1, 0, -1), [0], [0x15]]) {
    assert.throws(() => countPages(Uint8Array.from(wrong), 1), RangeError);
  }
});

Deno.test("a structure whose lengths lead nowhere is refused", () => {
  const wrong: Record<string, number[]> = {
    "a text longer than the file": [0x18, ...varint(2 ** 32 - 5), 0],
    "a text that would end before it begins": [0x18, 0xfb, 0xff, 0xff, 0xff, 0x0f, 0],
    "a list longer than the file": [0x19, 0xf5, ...varint(2 ** 31), 0],
    "a list of lists of lists": [0x19, ...new Array(50).fill(0x19), 0],
    "structures without an end": new Array(50).fill(0x1c),
    "a number without an end": [0x15, ...new Array(20).fill(0xff)],
    "a map": [0x1b, 0, 0],
    "no end": [0x15, 1],
  };
  for (const [name, bytes] of Object.entries(wrong)) {
    assert.throws(() => new CompactReader(Uint8Array.from(bytes)).structure(), RangeError, name);
  }
});

Deno.test("metadata are refused before a library parses them", async () => {
  const read = (bytes: number[]) =>
    readParquetFooter({
      byteLength: bytes.length,
      slice: (start, end) => Promise.resolve(Uint8Array.from(bytes).slice(start, end).buffer),
    });
  const magic = [0x50, 0x41, 0x52, 0x31];
  // With this length of a text the library goes back and forth between two places for ever.
  const back = [0x18, 0xfb, 0xff, 0xff, 0xff, 0x0f];
  await assert.rejects(() => read([...back, 0, 7, 0, 0, 0, ...magic]), /longer than the file/);
  await assert.rejects(() => read([255, 255, 255, 255, ...magic]), /claims 4294967295 bytes/);
  await assert.rejects(() => read([0, 0, 0, 0, 1, 2, 3, 4]), /PAR1/);
  await assert.rejects(() => read([]), /cut short/);
});

Deno.test("a page does not become more than it claims, nor claim more than can be", () => {
  const most = 2 ** 20;
  const compressors = pageCompressors(most);
  const zeros = new Uint8Array(2 * most);
  const packed = {
    GZIP: gzipSync(zeros),
    ZSTD: zstdCompressSync(zeros),
    SNAPPY: new Uint8Array(20),
  };
  for (const [codec, bytes] of Object.entries(packed)) {
    const unpack = compressors[codec as keyof typeof packed]!;
    assert.throws(() => unpack(bytes, 1000), codec);
    assert.throws(() => unpack(bytes, 2 * most), /claims to hold 2097152/, codec);
    assert.throws(() => unpack(bytes, -1), /claims/);
  }
  const small = zstdCompressSync(new Uint8Array(1000));
  assert.equal(compressors.ZSTD!(small, 1000).length, 1000);
});

Deno.test("a parquet file whose columns point outside of it is refused, and nothing goes on behind", async () => {
  await using folder = await temporaryDirectory();
  const url = new URL("../../fixtures/chats.parquet", import.meta.url);
  const whole = await Deno.readFile(url);
  const path = `${folder.path}/t.parquet`;
  // Without its first half every chunk of the second one is elsewhere; two of them are read side by side.
  for (const cut of [200, 400, whole.length - 600]) {
    await Deno.writeFile(path, whole.subarray(cut));
    await refused(
      () => Array.fromAsync(parquetSource(path).documents()),
      /cannot be read as parquet/,
    );
  }
});

Deno.test("a parquet file with a column that has no name is refused", async () => {
  await using folder = await temporaryDirectory();
  const bytes = await Deno.readFile(new URL("../../fixtures/chats.parquet", import.meta.url));
  // The kind of the field that holds the column's name; found by the fuzz task.
  bytes[407] = 88;
  const path = `${folder.path}/t.parquet`;
  await Deno.writeFile(path, bytes);
  await refused(
    () => Array.fromAsync(parquetSource(path).documents()),
    /choose one of id, undefined/,
  );
});

Deno.test("a column with fewer than no children does not send the reader back for ever", async () => {
  const element = (children: number): number[] => [0x48, 1, 0x61, ...i32(children), 0];
  const schema = [...element(3), ...element(0), ...element(0), ...element(-2)];
  const metadata = [...i32(1), 0x19, 0x4c, ...schema, 0x16, 0, 0x19, 0x0c, 0];
  const length = new Uint8Array(Uint32Array.of(metadata.length).buffer);
  const bytes = Uint8Array.from([...metadata, ...length, 0x50, 0x41, 0x52, 0x31]);
  const footer = await readParquetFooter({
    byteLength: bytes.length,
    slice: (start, end) => Promise.resolve(bytes.slice(start, end).buffer),
  });
  assert.equal(footer.schema.at(-1)?.num_children, -2);
});
