import assert from "node:assert/strict";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { list, refused, temporaryDirectory } from "./checkpoint_files.ts";

Deno.test("CheckpointWriter.copyCompanions() copies what belongs to the weights, and only that", async () => {
  await using parent = await temporaryDirectory();
  const from = `${parent.path}/from`;
  await Deno.mkdir(`${from}/vocab.json`, { recursive: true });
  const large = "x".repeat(200_000);
  const theirs = [
    "config.json",
    "model.safetensors",
    "README.md",
    "modeling_x.py",
    "merges.txt.bak",
  ];
  const ours = [
    "tokenizer_config.json",
    "merges.txt",
    "chat_template.jinja",
    "LICENSE",
    "Notice.txt",
  ];
  for (const name of [...theirs, ...ours]) await Deno.writeTextFile(`${from}/${name}`, name);
  await Deno.writeTextFile(`${from}/blob`, large);
  await Deno.symlink("blob", `${from}/tokenizer.json`);
  await Deno.writeTextFile(`${from}/generation_config.json`, "{}");
  const out = `${parent.path}/out`;
  await using writer = await createCheckpointWriter(out);
  await writer.json("generation_config.json", { ours: true });
  await writer.copyCompanions(from);
  await writer.commit();
  const expected = [...ours, "generation_config.json", "model.safetensors", "tokenizer.json"]
    .sort();
  assert.deepEqual(list(out), expected);
  assert.equal(await Deno.readTextFile(`${out}/tokenizer.json`), large);
  assert.ok((await Deno.lstat(`${out}/tokenizer.json`)).isFile);
  assert.match(await Deno.readTextFile(`${out}/generation_config.json`), /ours/);
});

Deno.test("CheckpointWriter.copyCompanions() names what it cannot read", async () => {
  await using parent = await temporaryDirectory();
  await using writer = await createCheckpointWriter(`${parent.path}/out`);
  await refused(() => writer.copyCompanions(`${parent.path}/no`), /no does not exist/);
});
