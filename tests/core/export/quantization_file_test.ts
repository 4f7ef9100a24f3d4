import assert from "node:assert/strict";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import { inspectModel } from "../../../core/inspect/inspect_model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const backend = createReferenceBackend();

/** A quantized tiny model whose config.json does not say so. */
async function silent(folder: string, format: string): Promise<string> {
  await Deno.mkdir(`${folder}/plain`);
  await writeTinyModel(`${folder}/plain`, TINY_LLAMA, { dtype: "F16" });
  const out = `${folder}/out`;
  const plugins = [rtn({ bits: 4, groupSize: 16, symmetric: true })];
  await quantize({ model: `${folder}/plain`, backend, plugins, format, out });
  const config = JSON.parse(await Deno.readTextFile(`${out}/config.json`));
  delete config.quantization_config;
  await Deno.writeTextFile(`${out}/config.json`, JSON.stringify(config));
  return out;
}

const FILES = [
  {
    format: "gptq",
    file: "quantize_config.json",
    content: {
      bits: 4,
      group_size: 16,
      damp_percent: 0.01,
      desc_act: false,
      sym: true,
      true_sequential: true,
    },
  },
  {
    format: "awq-gemm",
    file: "quant_config.json",
    content: { zero_point: true, q_group_size: 16, w_bit: 4, version: "GEMM" },
  },
] as const;

for (const { format, file, content } of FILES) {
  Deno.test(`${file} beside config.json says how weights are quantized (${format})`, async () => {
    await using folder = await temporaryDirectory();
    const out = await silent(folder.path, format);
    await refused(
      () => openModel(out, backend),
      /has quantized weights .* but neither .* fetch that file too/,
    );
    await Deno.writeTextFile(`${out}/${file}`, JSON.stringify(content));
    using model = await openModel(out, backend);
    const { format: found, bits, groupSize } = inspectModel(model);
    assert.deepEqual([found, bits, groupSize], [format, 4, 16]);
    await Deno.writeTextFile(`${out}/${file}`, "[1]");
    await refused(() => openModel(out, backend), new RegExp(file.replace(".", "\\.")));
  });
}

Deno.test("such a file is not looked for where config.json says it, or nothing is quantized", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, TINY_LLAMA, { dtype: "F16" });
  await Deno.writeTextFile(`${folder.path}/quantize_config.json`, "broken");
  using model = await openModel(folder.path, backend);
  assert.equal(model.quantization, undefined);
});

Deno.test("a quantized head is refused, with its name", async () => {
  await using folder = await temporaryDirectory();
  await writeTinyModel(folder.path, TINY_LLAMA, { dtype: "F16", omit: ["lm_head.weight"] });
  using plain = await openCheckpoint(folder.path, backend);
  const out = `${folder.path}/out`;
  {
    await using writer = await createCheckpointWriter(out);
    for (const { name, dtype, shape } of plain.entries.values()) {
      using tensor = plain.tensor(name);
      await writer.add(name, dtype, shape, backend.downloadBytes(tensor));
    }
    await writer.add("lm_head.qweight", "I32", [4, 64], new Uint8Array(4 * 4 * 64));
    const said = { quant_method: "gptq", bits: 4, group_size: 32, lm_head: true };
    await writer.json("config.json", { ...plain.config, quantization_config: said });
    await writer.commit();
  }
  const error = await refused(
    () => openModel(out, backend),
    /has a quantized head or embedding \(lm_head\.qweight\), .* use a checkpoint whose lm_head is plain/,
  );
  assert.equal(error.tensor, "lm_head.qweight");
});
