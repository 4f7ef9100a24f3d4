import assert from "node:assert/strict";
import { readHeader } from "../../../core/checkpoint/read_header.ts";
import type { SafetensorsHeader } from "../../../core/checkpoint/safetensors_header.ts";
import { entry, refused, safetensors, temporaryDirectory } from "./checkpoint_files.ts";

/** Reads the header of a file with these bytes. */
async function read(bytes: Uint8Array): Promise<SafetensorsHeader> {
  await using directory = await temporaryDirectory();
  await Deno.writeFile(`${directory.path}/m.safetensors`, bytes);
  return await readHeader(directory.path, "m.safetensors");
}

/** One F32 tensor of 2 values, with changes. */
function one(change: Record<string, unknown> = {}, data = 8): Uint8Array {
  return safetensors({ w: { ...entry("F32", [2], 0, 8), ...change } }, data);
}

Deno.test("readHeader() gives tensors in the order of their bytes", async () => {
  const bytes = safetensors({
    "__metadata__": { format: "pt" },
    b: entry("U8", [3], 8, 11),
    empty: entry("F32", [0, 5], 8, 8),
    a: entry("BF16", [2, 2], 0, 8),
    scalar: entry("I8", [], 11, 12),
  }, 12);
  const header = await read(bytes);
  assert.deepEqual(header.metadata, { format: "pt" });
  assert.deepEqual(header.entries.map((each) => each.name), ["a", "empty", "b", "scalar"]);
  assert.deepEqual(header.entries[2], {
    name: "b",
    dtype: "U8",
    shape: [3],
    file: "m.safetensors",
    offset: bytes.length - 4,
    byteLength: 3,
  });
});

Deno.test("readHeader() reads every type", async () => {
  const types = {
    F64: 8,
    F32: 4,
    F16: 2,
    BF16: 2,
    F8_E4M3: 1,
    I64: 8,
    I32: 4,
    I8: 1,
    U8: 1,
    BOOL: 1,
  };
  for (const [dtype, size] of Object.entries(types)) {
    const header = await read(safetensors({ w: entry(dtype, [3], 0, 3 * size) }, 3 * size));
    assert.equal(header.entries[0]?.byteLength, 3 * size);
  }
});

Deno.test("readHeader() accepts a header without tensors, and one padded with spaces", async () => {
  assert.deepEqual((await read(safetensors("{}"))).entries, []);
  assert.deepEqual((await read(safetensors("{}      "))).entries, []);
});

Deno.test("readHeader() accepts a tensor that is called like something of Object", async () => {
  const text = '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
  assert.equal((await read(safetensors(text, 1))).entries[0]?.name, "__proto__");
});

Deno.test("readHeader() refuses a file shorter than 8 bytes", async () => {
  await refused(() => read(new Uint8Array(0)), /m\.safetensors has only 0 bytes/);
  await refused(() => read(new Uint8Array(7)), /has only 7 bytes/);
});

Deno.test("readHeader() refuses a header longer than the format allows, without reading it", async () => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true);
  await refused(() => read(bytes), /claims a header of 100000001 bytes/);
  bytes.fill(0xff, 0, 8);
  await refused(() => read(bytes), /claims a header of 18446744073709551615 bytes/);
});

Deno.test("readHeader() refuses a header that is too short to be one", async () => {
  await refused(() => read(new Uint8Array(64)), /has a header of 0 bytes/);
});

Deno.test("readHeader() says how much of the header is missing", async () => {
  const bytes = safetensors("{}");
  await refused(
    () => read(bytes.subarray(0, 9)),
    /is truncated: 1 bytes of its header are missing/,
  );
});

Deno.test("readHeader() refuses a header that does not start with {", async () => {
  await refused(() => read(safetensors(" {}")), /does not start with {/);
  await refused(() => read(safetensors("[1]")), /does not start with {/);
  await refused(() => read(safetensors("\ufeff{}")), /does not start with {/);
});

Deno.test("readHeader() refuses a header that is not text or not JSON", async () => {
  const bytes = safetensors('{"a":1}');
  bytes[10] = 0xff;
  await refused(() => read(bytes), /header that is not UTF-8/);
  await refused(() => read(safetensors("{]")), /The header of .*m\.safetensors is not valid JSON/);
});

Deno.test("readHeader() refuses a deep header", async () => {
  const text = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  await refused(() => read(safetensors(text)), /nests objects and arrays more than 8 deep/);
});

Deno.test("readHeader() refuses a tensor named twice", async () => {
  const text = JSON.stringify(entry("U8", [1], 0, 1));
  await refused(() => read(safetensors(`{"w":${text},"w":${text}}`, 1)), /has the key w twice/);
});

Deno.test("readHeader() refuses metadata that are not a map of strings", async () => {
  for (const metadata of [1, "x", null, [], { a: 1 }, { a: {} }]) {
    await refused(() => read(safetensors({ __metadata__: metadata })), /not a map of strings/);
  }
});

Deno.test("readHeader() refuses a tensor without a name", async () => {
  await refused(() => read(safetensors({ "": entry("U8", [1], 0, 1) }, 1)), /without a name/);
});

Deno.test("readHeader() refuses an entry that is not an object", async () => {
  for (const value of [1, null, [], "x"]) {
    const error = await refused(
      () => read(safetensors({ w: value })),
      /^Tensor w of .*m\.safetensors has an entry that is not an object/,
    );
    assert.equal(error.tensor, "w");
    assert.match(error.file ?? "", /m\.safetensors$/);
  }
});

Deno.test("readHeader() refuses a missing or unknown type", async () => {
  await refused(() => read(one({ dtype: undefined })), /has no dtype/);
  await refused(() => read(one({ dtype: 4 })), /has no dtype/);
  await refused(
    () => read(one({ dtype: "F8_E5M2" })),
    /unknown type F8_E5M2: convert it to one of F64/,
  );
  await refused(() => read(one({ dtype: "toString" })), /unknown type toString/);
});

Deno.test("readHeader() refuses a missing shape and sizes that are not whole numbers from 0 up", async () => {
  await refused(() => read(one({ shape: undefined })), /has no shape/);
  await refused(() => read(one({ shape: 2 })), /has no shape/);
  for (const length of [-1, 1.5, "2", null, 2 ** 53, [2]]) {
    await refused(() => read(one({ shape: [length] })), /not made of whole numbers/);
  }
  await refused(
    () => read(safetensors('{"w":{"dtype":"U8","shape":[1e999]}}')),
    /not made of whole/,
  );
});

Deno.test("readHeader() refuses a shape whose product cannot be counted", async () => {
  await refused(() => read(one({ shape: [2 ** 31, 2 ** 31] })), /shape too large to count/);
  await refused(() => read(one({ shape: [2 ** 52] })), /shape too large to count/);
  // 2^32 * 2^32 = 0 in 64 bits.
  await refused(() => read(one({ shape: [2 ** 32, 2 ** 32], dtype: "U8" })), /too large to count/);
});

Deno.test("readHeader() refuses offsets that are no pair of whole numbers", async () => {
  await refused(() => read(one({ data_offsets: undefined })), /no data_offsets of two numbers/);
  await refused(() => read(one({ data_offsets: [0] })), /no data_offsets of two numbers/);
  await refused(() => read(one({ data_offsets: [0, 4, 8] })), /no data_offsets of two numbers/);
  for (const offsets of [[-8, 0], [0, 8.5], ["0", 8], [null, 8], [2 ** 53, 2 ** 53 + 8]]) {
    await refused(() => read(one({ data_offsets: offsets })), /not whole numbers from 0 up/);
  }
});

Deno.test("readHeader() refuses a tensor that ends before it begins", async () => {
  await refused(() => read(one({ data_offsets: [8, 0] })), /ends at byte 0, before it begins at 8/);
});

Deno.test("readHeader() refuses a tensor whose bytes do not fit its shape", async () => {
  await refused(() => read(one({ shape: [3] })), /takes 8 bytes, but F32 \[3\] needs 12/);
  await refused(() => read(one({ dtype: "F16" })), /takes 8 bytes, but F16 \[2\] needs 4/);
});

Deno.test("readHeader() refuses tensors that share bytes", async () => {
  const header = { a: entry("U8", [4], 0, 4), b: entry("U8", [4], 3, 7) };
  await refused(() => read(safetensors(header, 7)), /^Tensor b of .* shares bytes/);
  const same = { a: entry("U8", [4], 0, 4), b: entry("U8", [4], 0, 4) };
  await refused(() => read(safetensors(same, 4)), /shares bytes with the tensor before it/);
});

Deno.test("readHeader() refuses a gap between tensors or before the first", async () => {
  const header = { a: entry("U8", [4], 0, 4), b: entry("U8", [4], 6, 10) };
  await refused(() => read(safetensors(header, 10)), /^Tensor b of .* a gap of 2 bytes before it/);
  const late = { a: entry("U8", [4], 1, 5) };
  await refused(() => read(safetensors(late, 5)), /^Tensor a of .* a gap of 1 bytes before it/);
});

Deno.test("readHeader() says how many bytes of the data are missing", async () => {
  const bytes = one();
  const total = bytes.length;
  await refused(
    () => read(bytes.subarray(0, total - 3)),
    new RegExp(`is truncated: 3 of its ${total} bytes are missing, fetch it again`),
  );
});

Deno.test("readHeader() refuses bytes after the last tensor", async () => {
  await refused(() => read(one({}, 13)), /has 5 bytes after its last tensor/);
});

Deno.test("readHeader() does not let a name write to the terminal", async () => {
  const header = { "\u001b[31mw\n\u202e": 1, ["x".repeat(10_000)]: 1 };
  const error = await refused(() => read(safetensors(header)), /Tensor \\u\{1b\}\[31mw\\u\{a\}/);
  assert.ok(error.message.length < 400);
});
