import assert from "node:assert/strict";
import type { Checkpoint } from "../../../core/checkpoint/types.ts";
import { checkScales } from "../../../core/model/check_scales.ts";
import { convertModel } from "../../../core/convert/convert_model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import { familyCases, writeFamilyModel } from "./families/family_cases.ts";

const ACT = "transformer.h.0.mlp.act.scales";

/** A checkpoint with these tensors, their values all `value`. */
function withTensors(value: number, ...names: string[]): Checkpoint {
  const entries = new Map(names.map((name) => [name, {}]));
  const tensor = (): Tensor => backend.upload(Float32Array.of(value), "F32", [1]);
  return { directory: "m", entries, tensor } as unknown as Checkpoint;
}

const backend = createReferenceBackend();

Deno.test("checkScales() refuses AutoAWQ's scaled activations, and knows a weight's scales", () => {
  const scaled = withTensors(2, "a.qweight", "a.scales", "b.weight", "b.scales", "act.weight");
  checkScales(scaled, backend);
  checkScales(withTensors(1, "a.qweight", "a.scales", ACT), backend);
  assert.throws(() => checkScales(withTensors(2, "a.qweight", "a.scales", ACT), backend), {
    code: "input",
    message: `m divides activations by ${ACT}, as AutoAWQ does, which is not done here: ` +
      `quantize the original model`,
  });
});

for (const name of ["falcon_7b", "mpt", "bloom", "gpt_neox", "gptj", "gpt_bigcode", "starcoder2"]) {
  Deno.test(`${name} is written with scales of 1 where readers of AWQ look for them`, async () => {
    await using folder = await temporaryDirectory();
    const each = familyCases().find((family) => family.name === name);
    assert.ok(each !== undefined);
    await Deno.mkdir(`${folder.path}/model`);
    await writeFamilyModel(`${folder.path}/model`, each);
    using model = await openModel(`${folder.path}/model`, backend);
    const plugins = [rtn({ bits: 4, groupSize: 16 })];
    const awq = `${folder.path}/awq`;
    await quantize({ model, backend, format: "awq-gemm", plugins, out: awq });
    using written = await openModel(awq, backend);
    const scales = [...written.checkpoint.entries.values()].filter((entry) => {
      return /(act|gelu_impl)\.scales$/.test(entry.name);
    });
    assert.equal(scales.length, model.config.blocks);
    const { name: tensor, shape, dtype } = scales[0]!;
    assert.deepEqual([shape, dtype], [[model.config.intermediateSize], "F16"]);
    using values = written.checkpoint.tensor(tensor);
    assert.ok(backend.download(values).every((value) => value === 1));
    for (const format of ["gptq", "dequantized"]) {
      const out = `${folder.path}/${format}`;
      await convertModel({ model: written, backend, format, out });
      using converted = await openModel(out, backend);
      assert.ok(!converted.checkpoint.entries.has(tensor), format);
    }
  });
}

Deno.test("openModel() refuses scaled activations that are not 1", async () => {
  await using folder = await temporaryDirectory();
  const each = familyCases().find(({ name }) => name === "gpt2");
  assert.ok(each !== undefined);
  await Deno.mkdir(`${folder.path}/model`);
  const tensors = [...each.tensors, [ACT, [48]] as const];
  await writeFamilyModel(`${folder.path}/model`, { ...each, tensors });
  // In the original nobody reads it; it is copied into the result, where it means something.
  using model = await openModel(`${folder.path}/model`, backend);
  const out = `${folder.path}/awq`;
  const plugins = [rtn({ bits: 4, groupSize: 16 })];
  await quantize({ model, backend, format: "awq-gemm", plugins, out });
  await assert.rejects(openModel(out, backend), {
    code: "input",
    message: /act\.scales, as AutoAWQ/,
  });
});
