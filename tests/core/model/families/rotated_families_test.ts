import assert from "node:assert/strict";
import { SalientError } from "../../../../core/errors.ts";
import { openModel } from "../../../../core/model/open_model.ts";
import { quantizeInMemory } from "../../../../core/pipeline/quantize_in_memory.ts";
import type { Plugin } from "../../../../core/plugin.ts";
import { testBackends } from "../../../test_backends.ts";
import { logitsOf, relativeDifference } from "../../pipeline/pipeline_fixtures.ts";
import { orthogonalTensor, transforming } from "../../rotation/rotation_fixtures.ts";
import { type FamilyCase, familyCases, writeFamilyModel } from "./family_cases.ts";

const STREAM = transforming(async (model, ops) => {
  using matrix = orthogonalTensor(ops, model.hiddenSize, "stream");
  await model.rotateResidual(matrix);
});
const HEADS = transforming(async (model, ops) => {
  using matrix = orthogonalTensor(ops, model.headDim, "heads");
  await model.rotateHeads(matrix);
});

/** How far the logits are from the original's under a plugin's rotation, or why it is refused. */
async function rotated(each: FamilyCase, plugin: Plugin): Promise<number | string> {
  const folder = await Deno.makeTempDir();
  try {
    await writeFamilyModel(folder, each);
    using backend = await testBackends().at(-1)!.create();
    using model = await openModel(folder, backend);
    const before = await logitsOf(model, each.ids);
    try {
      using result = (await quantizeInMemory({ model, backend, plugins: [plugin] })).model;
      return relativeDifference(await logitsOf(result, each.ids), before);
    } catch (error) {
      assert.ok(error instanceof SalientError && error.code === "input", `${error}`);
      return error.message;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What becomes of the stream and of the values of heads of a case. */
const EXPECTED: Readonly<Record<string, readonly [stream: RegExp | true, heads: RegExp | true]>> = {
  "phi3": [true, /^Values of the family phi3 cannot be rotated/],
  "gemma": [/^Models of the family gemma cannot be .* as this one scales its embedding:/, true],
  "gemma2": [/^Models of the family gemma2 cannot be rotated/, /cannot be rotated/],
  "gemma3-conditional": [/^Models of the family gemma3_text cannot/, /cannot be rotated/],
  "mistral3": [/^Models of the family mistral3_text cannot be/, /cannot be rotated/],
  "olmo2": [/^Models of the family olmo2 cannot be rotated/, /cannot be rotated/],
  "granite": [/as this one scales its embedding/, true],
  "granite-biases": [true, true],
  "stablelm": [/^Models of the family stablelm cannot be rotated/, /cannot be rotated/],
  "cohere": [/^Models of the family cohere cannot be rotated/, /cannot be rotated/],
  "glm": [true, true],
  "glm4": [/^Models of the family glm4 cannot be rotated/, /cannot be rotated/],
  "smollm3": [true, true],
  "smollm3-list-window": [true, true],
  "mixtral": [true, true],
  "qwen2_moe": [true, true],
  "qwen3_moe_dense_layers": [true, true],
  "olmoe": [true, true],
  "deepseek_v3": [/cannot be rotated/, /cannot be rotated/],
  "nemotron": [/^Models of the family nemotron cannot be rotated/, /cannot be rotated/],
};

for (const [name, expected] of Object.entries(EXPECTED)) {
  Deno.test(`${name} is rotated exactly or refused`, async () => {
    const each = familyCases().find((candidate) => candidate.name === name);
    assert.ok(each !== undefined, `no case ${name}`);
    for (const [i, plugin] of [STREAM, HEADS].entries()) {
      const found = await rotated(each, plugin);
      const wanted = expected[i]!;
      if (wanted === true) assert.ok(Number(found) < 3e-5 && Number(found) > 0, `${found}`);
      else assert.match(`${found}`, wanted);
    }
  });
}

Deno.test("no case of any family loses its logits by a rotation that is not refused", async () => {
  for (const each of familyCases()) {
    for (const plugin of [STREAM, HEADS]) {
      const found = await rotated(each, plugin);
      if (typeof found === "string") assert.match(found, /cannot be rotated.*: leave the rotation/);
      else assert.ok(found < 1e-4, `${each.name}: ${found}`);
    }
  }
});
