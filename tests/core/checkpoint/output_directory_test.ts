import assert from "node:assert/strict";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { list, refused, temporaryDirectory } from "./checkpoint_files.ts";

Deno.test("createCheckpointWriter() makes missing parents, and removes them if it is given up", async () => {
  await using parent = await temporaryDirectory();
  {
    await using writer = await createCheckpointWriter(`${parent.path}/a/b/out/`);
    await writer.add("w", "U8", [1], new Uint8Array(1));
  }
  assert.deepEqual(list(parent.path), []);
  await using writer = await createCheckpointWriter(`${parent.path}/a/b/out/`);
  await writer.commit();
  assert.deepEqual(list(`${parent.path}/a/b`), ["out"]);
});

Deno.test("createCheckpointWriter() fills a directory that is empty", async () => {
  await using parent = await temporaryDirectory();
  await Deno.mkdir(`${parent.path}/out`);
  await using writer = await createCheckpointWriter(`${parent.path}/out`);
  await writer.commit();
  assert.deepEqual(list(`${parent.path}/out`), ["model.safetensors"]);
});

Deno.test("createCheckpointWriter() refuses a name that is taken, and touches nothing", async () => {
  await using parent = await temporaryDirectory();
  await Deno.mkdir(`${parent.path}/full/x`, { recursive: true });
  await Deno.writeTextFile(`${parent.path}/file`, "");
  await Deno.symlink("nowhere", `${parent.path}/link`);
  const at = (name: string) => () => createCheckpointWriter(`${parent.path}/${name}`);
  await refused(at("full"), /full exists: choose another --out or remove it/);
  await refused(at("file"), /file exists and is not a directory/);
  await refused(at("link"), /link exists and is not a directory/);
  await refused(at("file/out"), /file\/out: a part of its path is a file/);
  await refused(() => createCheckpointWriter("/"), /exists/);
  await refused(() => createCheckpointWriter(""), /has no name/);
  assert.deepEqual(list(parent.path), ["file", "full", "link"]);
});

Deno.test("createCheckpointWriter() refuses a shard size below 1", async () => {
  await refused(() => createCheckpointWriter("x", { shardBytes: 0 }), /at least 1 byte/, "usage");
  await refused(() => createCheckpointWriter("x", { shardBytes: NaN }), /at least 1 byte/, "usage");
});

Deno.test({
  name: "createCheckpointWriter() refuses a place where it may not write",
  // Deno itself refuses to make anything there.
  permissions: { read: true, write: false },
  fn: async () => {
    const error = await refused(
      () => createCheckpointWriter("some/place"),
      /^Cannot write some\/place: /,
    );
    assert.equal(error.exitStatus, 2);
  },
});

Deno.test("CheckpointWriter.commit() fails where somebody took the name meanwhile", async () => {
  await using parent = await temporaryDirectory();
  {
    await using writer = await createCheckpointWriter(`${parent.path}/out`);
    await Deno.mkdir(`${parent.path}/out/theirs`, { recursive: true });
    await refused(() => writer.commit(), /out: it exists by now/, "disk");
  }
  assert.deepEqual(list(parent.path), ["out"]);
  assert.deepEqual(list(`${parent.path}/out`), ["theirs"]);
});
