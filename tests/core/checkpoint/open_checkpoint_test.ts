import assert from "node:assert/strict";
import fc from "fast-check";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import { SalientError } from "../../../core/errors.ts";
import { DTYPE_BYTES, sizeOf } from "../../../core/tensor.ts";
import {
  type BytesTensor,
  entry,
  fileBackend,
  refused,
  safetensors,
  temporaryDirectory,
  writeFiles,
} from "./checkpoint_files.ts";

const SMALL = safetensors({ w: entry("U8", [4], 0, 4) }, 4);
const INDEX = "model.safetensors.index.json";

/** Opens a directory with these files, and closes it. */
async function open(files: Parameters<typeof writeFiles>[1]): Promise<void> {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, files);
  const backend = fileBackend();
  try {
    using checkpoint = await openCheckpoint(directory.path, backend);
    assert.ok(checkpoint);
  } finally {
    assert.equal(backend.open, 0, "a mapped file was left open");
  }
}

/** Two shards and the index given. */
function sharded(weightMap: unknown): Record<string, Uint8Array | object> {
  return {
    "config.json": {},
    "a.safetensors": safetensors({ x: entry("U8", [2], 0, 2), y: entry("U8", [1], 2, 3) }, 3),
    "b.safetensors": safetensors({ z: entry("U8", [1], 0, 1) }, 1),
    [INDEX]: { metadata: { total_size: 4 }, weight_map: weightMap },
  };
}

Deno.test("openCheckpoint() opens a directory with one file", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, {
    "config.json": { hidden_size: 8 },
    "generation_config.json": { top_k: 3 },
    "model.safetensors": safetensors(
      { w: entry("F32", [1, 2], 0, 8), v: entry("I8", [], 8, 9) },
      9,
    ),
  });
  const backend = fileBackend();
  {
    using checkpoint = await openCheckpoint(directory.path, backend);
    assert.equal(checkpoint.directory, directory.path);
    assert.deepEqual(checkpoint.config, { hidden_size: 8 });
    assert.deepEqual(checkpoint.generationConfig, { top_k: 3 });
    assert.deepEqual([...checkpoint.entries.keys()], ["w", "v"]);
    assert.equal(checkpoint.byteLength, 9);
    const tensor = checkpoint.tensor("w") as BytesTensor;
    assert.deepEqual([...tensor.bytes], [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual([tensor.dtype, tensor.shape], ["F32", [1, 2]]);
    checkpoint.release("w");
    const place = checkpoint.entries.get("w");
    assert.deepEqual(backend.released, [`${place?.offset}+8`]);
    assert.equal(backend.open, 1);
  }
  assert.equal(backend.open, 0);
});

Deno.test("openCheckpoint() opens shards, in the order of the files", async () => {
  await using directory = await temporaryDirectory();
  const map = { z: "b.safetensors", x: "a.safetensors", y: "a.safetensors" };
  await writeFiles(directory.path, sharded(map));
  using checkpoint = await openCheckpoint(directory.path, fileBackend());
  assert.deepEqual([...checkpoint.entries.keys()], ["x", "y", "z"]);
  assert.equal(checkpoint.generationConfig, undefined);
  assert.deepEqual([...(checkpoint.tensor("y") as BytesTensor).bytes], [2]);
});

Deno.test("openCheckpoint() follows links to files, as a hub cache has them", async () => {
  await using directory = await temporaryDirectory();
  const repository = `${directory.path}/models--org--name`;
  const snapshot = `${repository}/snapshots/1`;
  await Deno.mkdir(`${repository}/blobs`, { recursive: true });
  await Deno.mkdir(snapshot, { recursive: true });
  await Deno.writeFile(`${repository}/blobs/abc`, SMALL);
  await writeFiles(snapshot, { "config.json": {} });
  await Deno.symlink("../../blobs/abc", `${snapshot}/model.safetensors`);
  using checkpoint = await openCheckpoint(snapshot, fileBackend());
  assert.equal(checkpoint.byteLength, 4);
});

Deno.test("openCheckpoint() refuses a link to something that is not a file", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "config.json": {} });
  await Deno.mkdir(`${directory.path}/folder`);
  await Deno.symlink("folder", `${directory.path}/model.safetensors`);
  await refused(() => openCheckpoint(directory.path, fileBackend()), /is not a regular file/);
});

Deno.test("Checkpoint.tensor() names the tensor that is not there", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "config.json": {}, "model.safetensors": SMALL });
  using checkpoint = await openCheckpoint(directory.path, fileBackend());
  const error = await refused(() => checkpoint.tensor("q"), /^Tensor q is missing from /);
  assert.deepEqual([error.tensor, error.file], ["q", directory.path]);
  await refused(() => checkpoint.release("toString"), /^Tensor toString is missing/);
});

Deno.test("Checkpoint.tensor() refuses to work after the checkpoint is closed", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "config.json": {}, "model.safetensors": SMALL });
  const checkpoint = await openCheckpoint(directory.path, fileBackend());
  checkpoint[Symbol.dispose]();
  checkpoint[Symbol.dispose]();
  await refused(() => checkpoint.tensor("w"), /used after it was closed/, "failed");
});

Deno.test("openCheckpoint() refuses a directory that does not exist, and a file", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "model.gguf": "GGUF" });
  const nowhere = `${directory.path}/nowhere`;
  await refused(() => openCheckpoint(nowhere, fileBackend()), /nowhere does not exist/);
  await refused(
    () => openCheckpoint(`${directory.path}/model.gguf`, fileBackend()),
    /model\.gguf is a file: give the directory/,
  );
});

Deno.test("openCheckpoint() refuses a directory without config.json", async () => {
  await refused(() => open({ "model.safetensors": SMALL }), /has no config\.json/);
});

Deno.test("openCheckpoint() refuses a config.json that is not an object", async () => {
  await refused(() => open({ "config.json": "[]", "model.safetensors": SMALL }), /a JSON object/);
  await refused(() => open({ "config.json": "{", "model.safetensors": SMALL }), /not valid JSON/);
});

Deno.test("openCheckpoint() refuses a generation_config.json that is broken", async () => {
  const files = { "config.json": {}, "model.safetensors": SMALL, "generation_config.json": "{" };
  await refused(() => open(files), /generation_config\.json is not valid JSON/);
});

Deno.test("openCheckpoint() says what to do where there is no model.safetensors", async () => {
  const config = { "config.json": {} };
  await refused(() => open(config), /has no weights: model\.safetensors or/);
  await refused(() => open({ ...config, "pytorch_model.bin": "x" }), /convert it to safetensors/);
  await refused(() => open({ ...config, "consolidated.00.pth": "x" }), /convert it to safetensors/);
  await refused(
    () => open({ ...config, "m.Q4_0.gguf": "x" }),
    /m\.Q4_0\.gguf: give that file itself/,
  );
  await refused(() => open({ "m.Q4_0.gguf": "x" }), /m\.Q4_0\.gguf: give that file itself/);
  await refused(
    () => open({ ...config, "my.safetensors": SMALL }),
    /but my\.safetensors: rename it/,
  );
  await refused(
    () => open({ ...config, "model-00001-of-00002.safetensors": SMALL }),
    /has shards but no model\.safetensors\.index\.json: fetch it/,
  );
});

Deno.test("openCheckpoint() names the shard at fault and leaves nothing open", async () => {
  const files = sharded({ x: "a.safetensors", z: "b.safetensors" });
  files["b.safetensors"] = safetensors({ z: entry("U8", [1], 0, 1) }, 0);
  const error = await refused(() => open(files), /b\.safetensors is truncated: 1 of its/);
  assert.match(error.file ?? "", /b\.safetensors$/);
});

Deno.test("openCheckpoint() refuses an index without a weight_map", async () => {
  for (const map of [undefined, null, [], {}, "x"]) {
    await refused(() => open(sharded(map)), /has no weight_map/);
  }
});

Deno.test("openCheckpoint() refuses an index that leads out of the directory", async () => {
  const names = [
    "../a.safetensors",
    "/etc/a.safetensors",
    "sub/a.safetensors",
    "..\\a.safetensors",
    "C:a.safetensors",
    "a.safetensors\u0000",
    "\na.safetensors",
    ".safetensors/..",
    "..",
    ".safetensors",
    "",
    "config.json",
    INDEX,
    `${"x".repeat(250)}.safetensors`,
  ];
  for (const name of names) {
    const error = await refused(
      () => open(sharded({ x: name })),
      /index\.json puts tensor x into .*only names of \.safetensors files/,
    );
    assert.equal(error.tensor, "x");
  }
  for (const value of [1, null, {}, ["a.safetensors"]]) {
    await refused(() => open(sharded({ x: value })), /into something that is not a name/);
  }
});

Deno.test("openCheckpoint() refuses an index that names a shard that is not there", async () => {
  await refused(() => open(sharded({ x: "c.safetensors" })), /c\.safetensors does not exist/);
});

Deno.test("openCheckpoint() refuses an index that puts a tensor where it is not", async () => {
  const missing = { x: "a.safetensors", z: "b.safetensors", q: "b.safetensors" };
  await refused(() => open(sharded(missing)), /puts tensor q into b\.safetensors, which does not/);
  const wrong = { x: "b.safetensors", y: "a.safetensors" };
  await refused(() => open(sharded(wrong)), /puts tensor x into b\.safetensors, which does not/);
});

Deno.test("openCheckpoint() refuses an index with more files than anyone has", async () => {
  const map: Record<string, string> = {};
  for (let i = 0; i <= 10_000; i++) map[`t${i}`] = `${i}.safetensors`;
  await refused(() => open(sharded(map)), /names 10001 files/);
});

Deno.test("openCheckpoint() refuses a deep index", async () => {
  const files = { "config.json": {}, [INDEX]: "[".repeat(9) + "]".repeat(9) };
  await refused(() => open(files), /more than 8 deep/);
});

Deno.test("openCheckpoint() refuses a tensor that two shards hold", async () => {
  const files = sharded({ x: "a.safetensors", z: "b.safetensors" });
  files["b.safetensors"] = safetensors({ z: entry("U8", [1], 0, 1), x: entry("U8", [1], 1, 2) }, 2);
  const error = await refused(() => open(files), /Tensor x is in both a\.safetensors and b\.safe/);
  assert.equal(error.tensor, "x");
});

Deno.test("openCheckpoint() refuses a file that changes while it is opened", async () => {
  await using directory = await temporaryDirectory();
  await writeFiles(directory.path, { "config.json": {}, "model.safetensors": SMALL });
  const backend = fileBackend();
  const mapFile = backend.mapFile;
  backend.mapFile = (path) => {
    Deno.truncateSync(path, 20);
    return mapFile(path);
  };
  await refused(() => openCheckpoint(directory.path, backend), /changed while it was opened/);
  assert.equal(backend.open, 0);
});

Deno.test("openCheckpoint() survives every damaged file with a SalientError or right views", async () => {
  await using directory = await temporaryDirectory();
  const valid = safetensors({
    __metadata__: { format: "pt" },
    a: entry("F32", [2, 3], 0, 24),
    b: entry("U8", [7], 24, 31),
    c: entry("BF16", [0, 4], 31, 31),
  }, 31);
  await writeFiles(directory.path, { "config.json": {} });
  let refusals = 0;
  const headerEnd = valid.length - 31;
  const change = fc.record({ at: fc.nat({ max: headerEnd - 1 }), byte: fc.nat({ max: 255 }) });
  const digit = fc.record({
    at: fc.nat({ max: headerEnd - 1 }),
    byte: fc.constantFrom(...new TextEncoder().encode('0123456789-.e[]{},:"')),
  });
  const changes = fc.array(fc.oneof(change, digit), { minLength: 1, maxLength: 3 });
  const cut = fc.option(fc.nat({ max: valid.length }), { freq: 8 });
  await fc.assert(
    fc.asyncProperty(changes, cut, async (changes, cut) => {
      const bytes = valid.slice(0, cut ?? valid.length);
      for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte;
      await Deno.writeFile(`${directory.path}/model.safetensors`, bytes);
      const backend = fileBackend();
      try {
        using checkpoint = await openCheckpoint(directory.path, backend);
        let total = 0;
        for (const [name, { dtype, shape, byteLength }] of checkpoint.entries) {
          // The backend asserts that the view stays inside the file.
          assert.equal(checkpoint.tensor(name).byteLength, byteLength);
          assert.equal(byteLength, sizeOf(shape) * DTYPE_BYTES[dtype]);
          total += byteLength;
        }
        assert.equal(total, checkpoint.byteLength);
        assert.ok(total <= bytes.length);
      } catch (error) {
        if (!(error instanceof SalientError)) throw error;
        assert.equal(error.code, "input");
        refusals++;
      }
      assert.equal(backend.open, 0);
    }),
    { numRuns: 500 },
  );
  assert.ok(refusals > 250, `only ${refusals} refusals: the damage is too mild`);
});
