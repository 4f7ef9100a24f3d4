import assert from "node:assert/strict";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { GgufWriter } from "../../../core/gguf/gguf_writer.ts";
import type { GgufValue } from "../../../core/gguf/gguf_value.ts";
import { readGguf, type ReadValue } from "../../../core/gguf/read_gguf.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const MODEL = "models/salient-tiny";

function written(value: ReadValue): GgufValue {
  if (typeof value === "boolean") return { type: "bool", value };
  if (typeof value === "string") return { type: "string", value };
  if (typeof value === "number") return { type: Number.isInteger(value) ? "u32" : "f32", value };
  return typeof value[0] === "string"
    ? { type: "strings", value: value.map(String) }
    : { type: "i32s", value: Int32Array.from(value, Number) };
}

/** Cuts a file in three as `gguf-split` does; `change` may spoil what a file says. */
async function cut(
  path: string,
  stem: string,
  change: (file: number, metadata: Map<string, GgufValue>) => void = () => {},
): Promise<readonly string[]> {
  const { metadata, tensors } = await readGguf(path);
  const bytes = await Deno.readFile(path);
  const all = [...tensors.values()];
  const paths: string[] = [];
  for (let file = 0; file < 3; file++) {
    const part = all.filter((_, i) => i % 3 === file);
    const own = new Map<string, GgufValue>([
      ["split.no", { type: "u32", value: file }],
      ["split.count", { type: "u32", value: 3 }],
      ["split.tensors.count", { type: "i32", value: all.length }],
    ]);
    if (file === 0) { for (const [key, value] of metadata) own.set(key, written(value)); }
    change(file, own);
    const name = `${stem}-0000${file + 1}-of-00003.gguf`;
    await using writer = await GgufWriter.create(name, own, part);
    for (const { name, type, offset, byteLength } of part) {
      await writer.add(name, type, bytes.slice(offset, offset + byteLength));
    }
    await writer.publish();
    paths.push(name);
  }
  return paths;
}

Deno.test("a model in three GGUF files is the model in one", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  const whole = `${folder.path}/m.gguf`;
  await convertModel({ model: MODEL, backend, format: "gguf", out: whole });
  const [first = "", second = "", third = ""] = await cut(whole, `${folder.path}/s`);
  using one = await openModel(whole, backend);
  using three = await openModel(first, backend);
  assert.deepEqual(three.rawConfig, one.rawConfig);
  assert.deepEqual([...three.checkpoint.entries.keys()], [...one.checkpoint.entries.keys()]);
  assert.equal(new Set([...three.checkpoint.entries.values()].map(({ file }) => file)).size, 3);
  for (const name of one.checkpoint.entries.keys()) {
    using ours = one.checkpoint.tensor(name);
    using theirs = three.checkpoint.tensor(name);
    assert.deepEqual(backend.downloadBytes(theirs), backend.downloadBytes(ours), name);
  }
  await refused(() => openModel(second, backend), /is not the first of its files: give .*00001-of/);
  await Deno.rename(third, `${folder.path}/elsewhere.gguf`);
  await refused(() => openModel(first, backend), /00003-of-00003\.gguf/);
  await Deno.rename(first, `${folder.path}/renamed.gguf`);
  await refused(() => openModel(`${folder.path}/renamed.gguf`, backend), /is one of 3 files, but/);
});

const LIES:
  readonly (readonly [string, (file: number, own: Map<string, GgufValue>) => void, RegExp])[] = [
    [
      "a number that is another's",
      (file, own) => file === 1 && own.set("split.no", { type: "u32", value: 2 }),
      /00002-of-00003\.gguf does not say that it is file 2 of 3/,
    ],
    [
      "a count that is another's",
      (file, own) => file === 2 && own.set("split.count", { type: "u32", value: 4 }),
      /00003-of-00003\.gguf does not say that it is file 3 of 3/,
    ],
    [
      "a count beyond reason",
      (_, own) => own.set("split.count", { type: "u32", value: 2 ** 31 }),
      /one of 2147483648 files, which cannot be/,
    ],
    [
      "other tensors",
      (_, own) => own.set("split.tensors.count", { type: "i32", value: 7 }),
      /have 47 tensors, not the 7 it says/,
    ],
  ];

for (const [what, change, message] of LIES) {
  Deno.test(`files of a model are refused that say ${what}`, async () => {
    await using folder = await temporaryDirectory();
    using backend = createReferenceBackend();
    const whole = `${folder.path}/m.gguf`;
    await convertModel({ model: MODEL, backend, format: "gguf", out: whole });
    const [first = ""] = await cut(whole, `${folder.path}/s`, change);
    await refused(() => openModel(first, backend), message);
  });
}
