import assert from "node:assert/strict";
import {
  type CheckpointWriterOptions,
  createCheckpointWriter,
} from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { createFileOnDisk, type RawFile } from "../../../core/checkpoint/output_file.ts";
import type { DType } from "../../../core/tensor.ts";
import { list, refused, temporaryDirectory } from "./checkpoint_files.ts";

/** A file system in which a call fails once this many bytes are written. */
function failing(
  code: string,
  after: number,
): NonNullable<CheckpointWriterOptions["createFile"]> {
  let left = after;
  return async (path): Promise<RawFile> => {
    const file = await createFileOnDisk(path);
    return {
      read: (bytes) => file.read(bytes),
      seek: (offset, whence) => file.seek(offset, whence),
      truncate: (length) => file.truncate(length),
      sync: () => file.sync(),
      close: () => file.close(),
      write(bytes) {
        // A full disk first takes a part of what it is given.
        if (left <= 0) return Promise.reject(Object.assign(new Error("os error"), { code }));
        const count = Math.min(left, bytes.length);
        left -= count;
        return file.write(bytes.subarray(0, count));
      },
    };
  };
}

/** A piece, and then what Ctrl-C makes of a stream. */
async function* interrupted(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(4);
  await Promise.reject(new DOMException("stop", "AbortError"));
}

Deno.test("CheckpointWriter removes everything when the disk is full", async () => {
  // Bytes until the disk is full: in the data, in the header, in a JSON file.
  for (const room of [0, 500, 1008, 1100]) {
    await using parent = await temporaryDirectory();
    const work = async (): Promise<void> => {
      await using writer = await createCheckpointWriter(`${parent.path}/out`, {
        createFile: failing("ENOSPC", room),
      });
      await writer.add("w", "U8", [1000], new Uint8Array(1000));
      await writer.json("config.json", { a: 1 });
      await writer.commit();
    };
    const error = await refused(
      work,
      /^Cannot write \/.*\.(safetensors|json) of \d+ bytes so far: no space left on the disk/,
      "disk",
    );
    assert.equal(error.exitStatus, 1);
    assert.deepEqual(list(parent.path), []);
  }
});

Deno.test("CheckpointWriter says why else a file cannot be written", async () => {
  for (
    const [code, text] of [["EDQUOT", /quota/], ["EROFS", /read-only/], [
      "EIO",
      /os error/,
    ]] as const
  ) {
    await using parent = await temporaryDirectory();
    await using writer = await createCheckpointWriter(`${parent.path}/out`, {
      createFile: failing(code, 0),
    });
    await refused(() => writer.json("a.json", 1), text, "disk");
  }
  await using parent = await temporaryDirectory();
  await using writer = await createCheckpointWriter(`${parent.path}/out`, {
    createFile: () => Promise.reject(new Deno.errors.PermissionDenied("no")),
  });
  await refused(() => writer.json("a.json", 1), /a\.json of 0 bytes so far: no permission/, "disk");
});

Deno.test("CheckpointWriter does nothing more after a write failed", async () => {
  await using parent = await temporaryDirectory();
  await using writer = await createCheckpointWriter(`${parent.path}/out`);
  await refused(() => writer.add("w", "F32", [2], new Uint8Array(7)), /needs 8 bytes/, "failed");
  await refused(() => writer.commit(), /was used after a write failed/, "failed");
  assert.ok(!list(parent.path).includes("out"));
});

Deno.test("CheckpointWriter.add() refuses bytes that are not exactly the tensor's", async () => {
  const wrong = [
    [new Uint8Array(7), /F32 \[2\], needs 8 bytes but got only 7/],
    [[new Uint8Array(4)], /got only 4/],
    [new Uint8Array(9), /got more/],
    [[new Uint8Array(8), new Uint8Array(1)], /got more/],
  ] as const;
  for (const [bytes, text] of wrong) {
    await using parent = await temporaryDirectory();
    await using writer = await createCheckpointWriter(`${parent.path}/out`);
    const error = await refused(() => writer.add("w", "F32", [2], bytes), text, "failed");
    assert.equal(error.tensor, "w");
  }
});

Deno.test("CheckpointWriter.add() refuses a name twice, and names and shapes that cannot be", async () => {
  const wrong: [string, string, number[], RegExp][] = [
    ["first", "U8", [0], /Tensor first was written twice/],
    ["", "U8", [0], /a name that safetensors cannot hold/],
    ["__metadata__", "U8", [0], /a name that safetensors cannot hold/],
    ["\ud800", "U8", [0], /a name that safetensors cannot hold/],
    ["w", "U8", [-1], /impossible type or shape, U8 \[-1\]/],
    ["w", "U8", [2 ** 40, 2 ** 40], /impossible type or shape/],
    ["w", "I3", [0], /impossible type or shape, I3/],
  ];
  for (const [name, dtype, shape, text] of wrong) {
    await using parent = await temporaryDirectory();
    await using writer = await createCheckpointWriter(`${parent.path}/out`);
    await writer.add("first", "U8", [0], []);
    await refused(
      () => writer.add(name, dtype as DType, shape, new Uint8Array(0)),
      text,
      "failed",
    );
  }
});

Deno.test("CheckpointWriter.json() refuses names that are not those of a file beside the weights", async () => {
  for (const name of ["../x.json", "a/b.json", "x.txt", "", "model.safetensors.index.json"]) {
    await using parent = await temporaryDirectory();
    await using writer = await createCheckpointWriter(`${parent.path}/out`);
    await refused(() => writer.json(name, {}), /is not a name for a JSON file/, "failed");
  }
});

Deno.test("CheckpointWriter passes on what the source of the bytes throws", async () => {
  await using parent = await temporaryDirectory();
  {
    await using writer = await createCheckpointWriter(`${parent.path}/out`);
    await assert.rejects(writer.add("w", "U8", [8], interrupted()), { name: "AbortError" });
  }
  assert.deepEqual(list(parent.path), []);
});

Deno.test("CheckpointWriter begins nothing more once it is given up", async () => {
  await using parent = await temporaryDirectory();
  const begun: string[] = [];
  function* noted(name: string): Generator<Uint8Array> {
    begun.push(name);
    yield new Uint8Array(1);
  }
  const writer = await createCheckpointWriter(`${parent.path}/out`);
  const added = ["a", "b", "c"].map((name) => writer.add(name, "U8", [1], noted(name)));
  const ends = Promise.allSettled(added);
  await writer[Symbol.asyncDispose]();
  assert.ok(!begun.includes("c"));
  assert.equal((await ends)[2]?.status, "rejected");
  assert.deepEqual(list(parent.path), []);
  await writer[Symbol.asyncDispose]();
});
