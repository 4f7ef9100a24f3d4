import assert from "node:assert/strict";
import type { Backend } from "../../../core/backend.ts";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { inspectModel } from "../../../core/inspect/inspect_model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const GROUP = 16;

/** Which group an input is in, as activation order leaves them: neighbours are in different ones. */
function owner(input: number, inputs: number): number {
  return (input * 5 + 3) % (inputs / GROUP);
}

/** A GPTQ checkpoint of a tiny model, whose groups were put out of order. */
async function actOrdered(folder: string, backend: Backend): Promise<string> {
  await Deno.mkdir(`${folder}/plain`, { recursive: true });
  await writeTinyModel(`${folder}/plain`, { ...TINY_LLAMA, dtype: "float32" });
  const plugins = [rtn({ bits: 4, groupSize: GROUP, symmetric: true })];
  const out = `${folder}/gptq`;
  await quantize({ model: `${folder}/plain`, backend, plugins, format: "gptq", out });
  using read = await openCheckpoint(out, backend);
  await using writer = await createCheckpointWriter(`${folder}/ordered`);
  for (const { name, dtype, shape } of read.entries.values()) {
    using tensor = read.tensor(name);
    const inputs = shape[0] ?? 0;
    const bytes = name.endsWith(".g_idx")
      ? new Uint8Array(Int32Array.from({ length: inputs }, (_, k) => owner(k, inputs)).buffer)
      : backend.downloadBytes(tensor);
    await writer.add(name, dtype, shape, bytes);
  }
  const said = read.config["quantization_config"] as object;
  await writer.json("config.json", {
    ...read.config,
    quantization_config: { ...said, desc_act: true },
  });
  await writer.commit();
  return `${folder}/ordered`;
}

/** The weights that a GPTQ checkpoint means, by nothing but the description of the format. */
async function meant(directory: string, backend: Backend): Promise<Map<string, number[]>> {
  using model = await openModel(directory, backend);
  const { checkpoint } = model;
  const weights = new Map<string, number[]>();
  for (const { name, shape: [outputs, inputs] } of model.linears) {
    const part = (suffix: string): Uint8Array<ArrayBuffer> => {
      using tensor = checkpoint.tensor(name + suffix);
      return backend.downloadBytes(tensor);
    };
    const words = new Uint32Array(part(".qweight").buffer);
    const scales = new Float16Array(part(".scales").buffer);
    weights.set(
      name,
      Array.from({ length: outputs * inputs }, (_, i) => {
        const [n, k] = [Math.floor(i / inputs), i % inputs];
        const q = words[Math.floor(k / 8) * outputs + n]! >>> 4 * (k % 8) & 15;
        return (q - 8) * scales[owner(k, inputs) * outputs + n]!;
      }),
    );
  }
  return weights;
}

const ids = Int32Array.from({ length: 48 }, (_, i) => (i * 7 + 3) % 64);

for (const kind of testBackends()) {
  Deno.test(`groups out of order: read, run, and converted as they are (${kind.name})`, async () => {
    await using folder = await temporaryDirectory();
    using backend = await kind.create();
    const first = await actOrdered(folder.path, backend);
    const expected = await meant(first, backend);
    const plain = `${folder.path}/dequantized`;
    await convertModel({ model: first, backend, format: "dequantized", out: plain });
    using dequantized = await openModel(plain, backend);
    for (const { name } of dequantized.linears) {
      using weight = dequantized.checkpoint.tensor(`${name}.weight`);
      assert.deepEqual([...backend.download(weight)], expected.get(name), name);
    }
    const { perplexity: wanted } = await perplexity(dequantized, ids, { seqLen: 16 });
    using packed = await openModel(first, backend);
    const { perplexity: found } = await perplexity(packed, ids, { seqLen: 16 });
    assert.ok(Math.abs(found / wanted - 1) < 1e-5, `${found}, ${wanted}`);
    assert.ok(inspectModel(packed).linears.every(({ ordered }) => ordered));
    assert.ok(inspectModel(dequantized).linears.every(({ ordered }) => !ordered));

    for (const format of ["gptq-v2", "gptq-p", "pack-quantized"]) {
      const there = `${folder.path}/${format}`;
      const report = await convertModel({ model: first, backend, format, out: there });
      assert.equal(report.lossless, true);
      const back = `${folder.path}/${format}-back`;
      await convertModel({ model: there, backend, format: "gptq", out: back });
      assert.deepEqual(await meant(back, backend), expected, format);
      using again = await openModel(back, backend);
      assert.ok(inspectModel(again).linears.every(({ ordered }) => ordered));
      const said = again.rawConfig["quantization_config"];
      assert.equal((said as { desc_act: boolean }).desc_act, true);
    }
    for (const format of ["awq-gemm", "int-quantized"]) {
      const out = `${folder.path}/${format}`;
      const error = await refused(
        () => convertModel({ model: first, backend, format, out }),
        /has groups of neighbouring inputs, and those of .*q_proj are not \(desc_act\): use gptq/,
      );
      assert.equal(error.tensor, "model.layers.0.self_attn.q_proj");
    }
  });
}
