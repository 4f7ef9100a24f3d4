import assert from "node:assert/strict";
import { readJson, readJsonObject } from "../../../core/checkpoint/read_json.ts";
import { refused, temporaryDirectory, writeFiles } from "./checkpoint_files.ts";

Deno.test("readJson() reads a value", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "a.json": '\ufeff{"é": [1, null, "x"]}' });
  assert.deepEqual(await readJson(`${directory.path}/a.json`), { é: [1, null, "x"] });
});

Deno.test("readJson() keeps to the size it is given", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "a.json": "[1,2,3]" });
  const path = `${directory.path}/a.json`;
  assert.deepEqual(await readJson(path, { bytes: 7 }), [1, 2, 3]);
  const error = await refused(() => readJson(path, { bytes: 6 }), /has 7 bytes, more than the 6/);
  assert.equal(error.file, path);
});

Deno.test("readJson() keeps to the depth it is given", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "a.json": "[[1]]" });
  await refused(() => readJson(`${directory.path}/a.json`, { depth: 1 }), /more than 1 deep/);
});

Deno.test("readJson() refuses a missing file, a directory and bytes that are not text", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "a.json": new Uint8Array([0x22, 0xff, 0x22]) });
  await refused(() => readJson(`${directory.path}/b.json`), /b\.json does not exist/);
  await refused(() => readJson(directory.path), /is not a regular file/);
  await refused(() => readJson(`${directory.path}/a.json`), /is not UTF-8 text/);
});

Deno.test("readJsonObject() refuses every other value", async () => {
  await using directory = await temporaryDirectory();
  for (const text of ["[]", "null", "3", '"x"', "true"]) {
    await writeFiles(directory.path, { "a.json": text });
    await refused(() => readJsonObject(`${directory.path}/a.json`), /must hold a JSON object/);
  }
});
