import assert from "node:assert/strict";
import { openModel } from "../../../core/model/open_model.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { type SmoothedSet, smoothquant } from "../../../plugins/smoothquant/mod.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { temporaryDirectory } from "../../core/checkpoint/checkpoint_files.ts";
import { familyCases, writeFamilyModel } from "../../core/model/families/family_cases.ts";
import { tinyCalibration } from "../../core/pipeline/pipeline_fixtures.ts";

/** Roles of the linears of a case's first block whose inputs are smoothed. */
async function smoothedRoles(name: string, sets: readonly SmoothedSet[]): Promise<string[]> {
  await using folder = await temporaryDirectory();
  const each = familyCases().find((one) => one.name === name);
  assert.ok(each !== undefined, name);
  await writeFamilyModel(folder.path, each);
  using backend = createReferenceBackend();
  using model = await openModel(folder.path, backend);
  const calibration = tinyCalibration(2, 8, model.config.vocabSize);
  const plugins = [smoothquant({ sets })];
  const result = await quantizeInMemory({ model, backend, calibration, plugins });
  using _made = result.model;
  const smoothed = new Set(
    result.report.layers.filter((layer) => layer.notes.smoothing !== undefined)
      .map((layer) => layer.name),
  );
  return model.linears.filter((linear) => linear.block === 0 && smoothed.has(linear.name))
    .map((linear) => linear.role);
}

Deno.test("SmoothQuant smooths where one norm stands before both halves of a block", async () => {
  assert.deepEqual(await smoothedRoles("falcon_7b", ["attention"]), ["qkv", "up"]);
  assert.deepEqual(await smoothedRoles("falcon_7b", ["mlp"]), []);
  assert.deepEqual(await smoothedRoles("falcon_7b", ["output"]), ["o"]);
});

Deno.test("SmoothQuant smooths through relu, and a norm that the MLP has for itself", async () => {
  assert.deepEqual(await smoothedRoles("opt", ["mlp", "down"]), ["up", "down"]);
  assert.deepEqual(await smoothedRoles("falcon_40b", ["mlp"]), ["up"]);
});
