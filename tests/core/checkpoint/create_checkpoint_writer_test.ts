import assert from "node:assert/strict";
import fc from "fast-check";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import { readHeader } from "../../../core/checkpoint/read_header.ts";
import { type DType, DTYPE_BYTES, sizeOf } from "../../../core/tensor.ts";
import {
  type BytesTensor,
  fileBackend,
  list,
  refused,
  temporaryDirectory,
} from "./checkpoint_files.ts";

/** The bytes in that many pieces, one after the other. */
async function* inPieces(bytes: Uint8Array, pieces: number): AsyncGenerator<Uint8Array> {
  const step = Math.ceil(bytes.length / pieces);
  for (let i = 0; i < pieces; i++) {
    yield bytes.subarray(i * step, (i + 1) * step);
    await Promise.resolve();
  }
}

Deno.test("createCheckpointWriter() writes one file and renames the directory into place", async () => {
  await using parent = await temporaryDirectory();
  const out = `${parent.path}/out`;
  {
    await using writer = await createCheckpointWriter(out);
    assert.equal(writer.directory, out);
    assert.match(writer.temporary, /\/\.out\.salient-[0-9a-f]{8}$/);
    await writer.add("b", "U8", [3], new Uint8Array([1, 2, 3]));
    await writer.add("a", "F32", [1, 2], [new Uint8Array(4), new Uint8Array(4).fill(7)]);
    assert.equal(writer.byteLength, 11);
    await writer.json("config.json", { hidden_size: 8 });
    assert.deepEqual(list(parent.path), [writer.temporary.split("/").at(-1)]);
    await writer.commit();
    assert.deepEqual(list(parent.path), ["out"]);
  }
  assert.deepEqual(list(out), ["config.json", "model.safetensors"]);
  const header = await readHeader(out, "model.safetensors");
  assert.deepEqual(header.metadata, { format: "pt" });
  assert.deepEqual(header.entries.map((each) => each.name), ["b", "a"]);
  assert.equal((header.entries[0]?.offset ?? 1) % 8, 0);
  assert.equal(await Deno.readTextFile(`${out}/config.json`), '{\n  "hidden_size": 8\n}\n');
  // The room kept for the header is given back where it would be most of the file.
  assert.ok(header.fileBytes < 300, `${header.fileBytes} bytes`);
});

Deno.test("CheckpointWriter keeps the header's room where it is small against the data", async () => {
  await using parent = await temporaryDirectory();
  await using writer = await createCheckpointWriter(`${parent.path}/out`, { headerRoom: 1001 });
  await writer.add("w", "U8", [1 << 17], new Uint8Array(1 << 17).fill(5));
  await writer.commit();
  const [entry] = (await readHeader(`${parent.path}/out`, "model.safetensors")).entries;
  assert.equal(entry?.offset, 1008);
});

Deno.test("CheckpointWriter begins a shard where the next tensor does not fit", async () => {
  await using parent = await temporaryDirectory();
  const out = `${parent.path}/out`;
  await using writer = await createCheckpointWriter(out, { shardBytes: 10 });
  for (const [name, size] of [["a", 4], ["b", 6], ["c", 25], ["d", 1], ["e", 0]] as const) {
    await writer.add(name, "I8", [size], new Uint8Array(size).fill(size));
  }
  await writer.commit();
  const index = JSON.parse(await Deno.readTextFile(`${out}/model.safetensors.index.json`));
  assert.deepEqual(index, {
    metadata: { total_size: 36 },
    weight_map: {
      a: "model-00001-of-00003.safetensors",
      b: "model-00001-of-00003.safetensors",
      c: "model-00002-of-00003.safetensors",
      d: "model-00003-of-00003.safetensors",
      e: "model-00003-of-00003.safetensors",
    },
  });
  assert.equal(list(out).length, 4);
});

Deno.test("CheckpointWriter begins a shard where the header is full, however long a name is", async () => {
  await using parent = await temporaryDirectory();
  const out = `${parent.path}/out`;
  await using writer = await createCheckpointWriter(out, { headerRoom: 120 });
  const names = ["a", "b", `é${"x".repeat(500)}`, "c"];
  for (const name of names) await writer.add(name, "U8", [1], new Uint8Array(1));
  await writer.commit();
  const { weight_map } = JSON.parse(await Deno.readTextFile(`${out}/model.safetensors.index.json`));
  assert.deepEqual(Object.keys(weight_map), names);
  await Deno.writeTextFile(`${out}/config.json`, "{}");
  using checkpoint = await openCheckpoint(out, fileBackend());
  assert.deepEqual([...checkpoint.entries.keys()], names);
});

Deno.test("CheckpointWriter writes a file without tensors", async () => {
  await using parent = await temporaryDirectory();
  await using writer = await createCheckpointWriter(`${parent.path}/out`);
  await writer.commit();
  assert.deepEqual((await readHeader(`${parent.path}/out`, "model.safetensors")).entries, []);
});

Deno.test("what CheckpointWriter writes, openCheckpoint() reads", async () => {
  const dtype = fc.constantFrom(...Object.keys(DTYPE_BYTES) as DType[]);
  const tensor = fc.record({
    name: fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("__proto__", "a.weight", '\n"\\é')),
    dtype,
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    pieces: fc.integer({ min: 1, max: 3 }),
  });
  const tensors = fc.uniqueArray(tensor, { selector: (each) => each.name, maxLength: 12 });
  await using parent = await temporaryDirectory();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      tensors,
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 0, max: 500 }),
      async (tensors, shardBytes, headerRoom) => {
        const out = `${parent.path}/${run++}`;
        const written = new Map<string, Uint8Array>();
        {
          await using writer = await createCheckpointWriter(out, { shardBytes, headerRoom });
          for (const { name, dtype, shape, pieces } of tensors) {
            const size = sizeOf(shape) * DTYPE_BYTES[dtype];
            const bytes = crypto.getRandomValues(new Uint8Array(size));
            written.set(name, bytes);
            await writer.add(name, dtype, shape, pieces === 1 ? bytes : inPieces(bytes, pieces));
          }
          await writer.json("config.json", {});
          await writer.commit();
        }
        using checkpoint = await openCheckpoint(out, fileBackend());
        assert.equal(checkpoint.entries.size, tensors.length);
        for (const { name, dtype, shape } of tensors) {
          const read = checkpoint.tensor(name) as BytesTensor;
          assert.deepEqual([read.dtype, read.shape], [dtype, shape]);
          assert.deepEqual(Uint8Array.from(read.bytes), written.get(name));
        }
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("CheckpointWriter keeps the order of calls that are not waited for", async () => {
  await using parent = await temporaryDirectory();
  await using writer = await createCheckpointWriter(`${parent.path}/out`);
  const names = Array.from({ length: 20 }, (_, i) => `t${i}`);
  const added = names.map((name) => writer.add(name, "U8", [1], new Uint8Array(1)));
  await Promise.all([...added, writer.commit()]);
  const header = await readHeader(`${parent.path}/out`, "model.safetensors");
  assert.deepEqual(header.entries.map((entry) => entry.name), names);
  await refused(() => writer.add("late", "U8", [0], []), /used after it was closed/, "failed");
});
