import assert from "node:assert/strict";
import { ggufHeader } from "../../../core/gguf/gguf_header.ts";
import type { GgufValue } from "../../../core/gguf/gguf_value.ts";
import { GgufWriter } from "../../../core/gguf/gguf_writer.ts";
import { readGguf } from "../../../core/gguf/read_gguf.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const METADATA = new Map<string, GgufValue>([
  ["general.architecture", { type: "string", value: "llama" }],
  ["a.u32", { type: "u32", value: 2 ** 31 + 5 }],
  ["a.f32", { type: "f32", value: 0.5 }],
  ["a.bool", { type: "bool", value: true }],
  ["a.strings", { type: "strings", value: ["", "Ġ", "\ufeffx", "日本"] }],
  ["a.f32s", { type: "f32s", value: Float32Array.of(1, -2.5) }],
  ["a.i32s", { type: "i32s", value: Int32Array.of(1, -2) }],
]);

Deno.test("readGguf() reads what GgufWriter wrote, tensors in any order", async () => {
  await using folder = await temporaryDirectory();
  const path = `${folder.path}/new/m.gguf`;
  {
    const tensors = [{ name: "x", shape: [3] }, { name: "y", shape: [2, 32] }];
    await using writer = await GgufWriter.create(path, METADATA, tensors);
    await writer.add("y", "Q4_0", [new Uint8Array(18).fill(7), new Uint8Array(18).fill(8)]);
    await writer.add("x", "F32", new Uint8Array(new Float32Array([1, 2, 3]).buffer));
    await assert.rejects(Deno.stat(path));
    await writer.publish();
  }
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/new`)].map(({ name }) => name), ["m.gguf"]);
  const { metadata, tensors } = await readGguf(path);
  assert.equal(metadata.get("a.u32"), 2 ** 31 + 5);
  assert.equal(metadata.get("a.bool"), true);
  assert.deepEqual(metadata.get("a.strings"), ["", "Ġ", "\ufeffx", "日本"]);
  assert.deepEqual(metadata.get("a.f32s"), [1, -2.5]);
  assert.deepEqual(metadata.get("a.i32s"), [1, -2]);
  const bytes = await Deno.readFile(path);
  const [x, y] = [tensors.get("x")!, tensors.get("y")!];
  assert.deepEqual([x.type, x.shape, y.type, y.shape], ["F32", [3], "Q4_0", [2, 32]]);
  assert.equal(y.offset % 32, 0);
  assert.equal(x.offset, y.offset + 64);
  assert.deepEqual([...bytes.subarray(y.offset + 17, y.offset + 19)], [7, 8]);
  assert.deepEqual([...new Float32Array(bytes.slice(x.offset, x.offset + 12).buffer)], [1, 2, 3]);
});

Deno.test("GgufWriter leaves nothing behind where it was not published", async () => {
  await using folder = await temporaryDirectory();
  {
    const tensors = [{ name: "x", shape: [3] }];
    await using writer = await GgufWriter.create(`${folder.path}/a/b/m.gguf`, METADATA, tensors);
    await refused(() => writer.publish(), /x was not written/, "failed");
    await refused(() => writer.add("z", "F32", new Uint8Array(4)), /was not announced/, "failed");
    await refused(() => writer.add("x", "F32", new Uint8Array(4)), /4 bytes where 12/, "failed");
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  await Deno.writeTextFile(`${folder.path}/m.gguf`, "");
  const taken = () => GgufWriter.create(`${folder.path}/m.gguf`, METADATA, []);
  await refused(taken, /exists: choose another --out/);
  await refused(
    () => GgufWriter.create(folder.path, METADATA, []),
    /is a directory: give the name/,
  );
});

/** A file of a header made of numbers and texts. */
class Raw {
  readonly parts: number[] = [];

  u32(...values: number[]): this {
    for (const value of values) this.parts.push(...new Uint8Array(Uint32Array.of(value).buffer));
    return this;
  }

  u64(...values: (number | bigint)[]): this {
    for (const value of values) {
      this.parts.push(...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
    }
    return this;
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u64(bytes.length).raw(...bytes);
  }

  raw(...bytes: number[]): this {
    this.parts.push(...bytes);
    return this;
  }
}

function header(tensors: number | bigint, keys: number | bigint, version = 3): Raw {
  return new Raw().u32(0x46554747, version).u64(tensors, keys);
}

/** A tensor of 2 x 32 values, with something changed. */
function tensor(
  change: { name?: string; dims?: (number | bigint)[]; type?: number; offset?: number | bigint },
): Raw {
  const { name = "x", dims = [32, 2], type = 0, offset = 0 } = change;
  const raw = header(1, 0).text(name).u32(dims.length).u64(...dims).u32(type).u64(offset);
  return raw.raw(...new Array(512).fill(0));
}

const twice = header(2, 0).text("x").u32(1).u64(8).u32(0).u64(0).text("x").u32(1).u64(8).u32(0).u64(
  32,
);
const over = header(2, 0).text("x").u32(1).u64(64).u32(0).u64(0).text("y").u32(1).u64(8).u32(0).u64(
  64,
);

const HOSTILE: readonly (readonly [string, Raw, RegExp])[] = [
  ["no file of the kind", new Raw().text("hello, this is some text"), /is not a GGUF file/],
  ["a short file", new Raw().u32(0x46554747, 3), /is not a GGUF file/],
  ["another version", header(0, 0, 1), /has version 1 of GGUF/],
  ["big-endian", header(0, 0, 0x03000000), /has version 50331648/],
  ["tensors without end", header(2n ** 63n, 0), /impossible number for tensors/],
  ["more tensors than bytes", header(100, 0), /claims 100 tensors/],
  ["more keys than bytes", header(0, 50), /claims 50 keys/],
  [
    "a long key",
    header(0, 1).u64(2 ** 40).raw(...new Array(64).fill(65)),
    /claims 1099511627776 bytes of text/,
  ],
  ["an unknown type", header(0, 1).text("k").u32(99).u64(0, 0, 0), /has type 99 at k/],
  [
    "a list of lists",
    header(0, 1).text("k").u32(9, 9).u64(1, 0, 0, 0),
    /has a list of type 9 at k/,
  ],
  [
    "a long list",
    header(0, 1).text("k").u32(9, 0).u64(2 ** 30, 0),
    /claims 1073741824 values of k/,
  ],
  [
    "a list of long texts",
    header(0, 1).text("k").u32(9, 8).u64(1, 2 ** 33, 0),
    /bytes of text for key k/,
  ],
  [
    "a key twice",
    header(0, 2).text("k").u32(4, 1).text("k").u32(4, 2).u64(0),
    /has the key k twice/,
  ],
  ["an odd alignment", header(0, 1).text("general.alignment").u32(4, 3).u64(0), /alignment of 3/],
  ["the end within a value", header(0, 1).text("kkkkkkkk").u32(10).u32(1), /ends in the middle/],
  ["many axes", tensor({ dims: [1, 1, 1, 1, 1] }), /gives tensor x 5 axes/],
  ["an absurd shape", tensor({ dims: [2n ** 31n, 2n ** 31n] }), /impossible shape/],
  ["an empty axis", tensor({ dims: [0, 2] }), /impossible shape \[2, 0\]/],
  ["an axis without end", tensor({ dims: [2n ** 60n] }), /impossible number for an axis/],
  ["a type that is not read", tensor({ type: 18 }), /tensor x in IQ3_XXS blocks, and F32, F16/],
  ["a type that nobody knows", tensor({ type: 99 }), /in type 99 of ggml, and F32, F16/],
  ["rows that are no blocks", tensor({ dims: [33, 2], type: 2 }), /rows of 33 in x/],
  ["an offset outside", tensor({ offset: 4096 }), /ends before tensor x does/],
  ["an offset without end", tensor({ offset: 2n ** 62n }), /impossible number for the offset/],
  ["a tensor that is too long", tensor({ dims: [1024, 1024] }), /ends before tensor x does/],
  ["a crooked offset", tensor({ offset: 4 }), /puts tensor x over another/],
  ["two tensors of a name", twice.raw(...new Array(256).fill(0)), /has the tensor x twice/],
  ["tensors over each other", over.raw(...new Array(512).fill(0)), /puts tensor y over another/],
];

for (const [what, raw, message] of HOSTILE) {
  Deno.test(`readGguf() refuses ${what}`, async () => {
    await using folder = await temporaryDirectory();
    const path = `${folder.path}/m.gguf`;
    await Deno.writeFile(path, Uint8Array.from(raw.parts));
    const error = await refused(() => readGguf(path), message);
    assert.equal(error.file, path);
  });
}

Deno.test("readGguf() refuses a file that is cut anywhere", async () => {
  await using folder = await temporaryDirectory();
  const whole = ggufHeader(METADATA, [{ name: "x", shape: [64], type: "F32", offset: 0 }]);
  const path = `${folder.path}/m.gguf`;
  for (let length = 0; length < whole.length; length += 7) {
    await Deno.writeFile(path, whole.subarray(0, length));
    await refused(() => readGguf(path), /^.*m\.gguf (is not|ends|claims|was)/);
  }
});
