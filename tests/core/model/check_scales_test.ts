import assert from "node:assert/strict";
import type { Checkpoint } from "../../../core/checkpoint/types.ts";
import { checkScales } from "../../../core/model/check_scales.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import { familyCases, writeFamilyModel } from "./families/family_cases.ts";

const ACT = "transformer.h.0.mlp.act.scales";

/** A checkpoint with these tensors. */
function withTensors(...names: string[]): Checkpoint {
  const entries = new Map(names.map((name) => [name, {}]));
  return { directory: "m", entries } as unknown as Checkpoint;
}

Deno.test("checkScales() refuses AutoAWQ's scaled activations, and knows a weight's scales", () => {
  checkScales(withTensors("a.qweight", "a.scales", "b.weight", "b.scales", "act.weight"));
  assert.throws(() => checkScales(withTensors("a.qweight", "a.scales", ACT)), {
    code: "input",
    message: `m divides activations by ${ACT}, as AutoAWQ does, which is not done here: ` +
      `quantize the original model`,
  });
});

Deno.test("openModel() looks for scaled activations in quantized checkpoints", async () => {
  await using folder = await temporaryDirectory();
  const each = familyCases().find(({ name }) => name === "falcon_7b");
  assert.ok(each !== undefined);
  await Deno.mkdir(`${folder.path}/model`);
  const tensors = [...each.tensors, [ACT, [48]] as const];
  await writeFamilyModel(`${folder.path}/model`, { ...each, tensors });
  using backend = createReferenceBackend();
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
