import assert from "node:assert/strict";
import { openModel } from "../../../core/model/open_model.ts";
import type { Model } from "../../../core/model/model.ts";
import { Decoder } from "../../../core/eval/decoder.ts";
import { generate } from "../../../core/eval/generate.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import type { Backend } from "../../../ffi/../core/backend.ts";
import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import { usableLibraries } from "../../ffi/cuda/usable_libraries.ts";
import { relativeDifference } from "../pipeline/pipeline_fixtures.ts";
import { familyCases, writeFamilyModel } from "../model/families/family_cases.ts";

const MODEL = "models/salient-tiny";

/** The same model on a backend that records nothing. */
function plain(backend: Backend): Backend {
  const { recordStep: _left, ...rest } = backend;
  return rest;
}

/** Texts step by step on both: how far their logits differ, and what was recorded. */
async function compare(
  recorded: Model,
  ordinary: Model,
  prompt: Int32Array,
  steps: number,
): Promise<{ error: number; steps: number; refusal: string | undefined }> {
  const capacity = prompt.length + steps;
  using one = new Decoder(recorded, 1, capacity);
  using other = new Decoder(ordinary, 1, capacity);
  let error = 0;
  for (let t = -1; t < steps; t++) {
    const ids = t < 0 ? prompt : Int32Array.of((11 * t + 5) % recorded.config.vocabSize);
    const [tested] = await one.next(ids);
    const [expected] = await other.next(ids);
    error = Math.max(error, relativeDifference(tested!, expected!));
  }
  return { error, ...one.recorded };
}

/** Families whose steps cannot be recorded, and why. */
const NOT_RECORDED: Record<string, RegExp> = {
  reads: /^(deepseek_v[23]|ernie|mixtral|olmoe|qwen[23]_moe)/,
};

for (const { name, library, reason } of usableLibraries()) {
  if (reason !== undefined) {
    Deno.test({ name: `${name}: decoding skipped, ${reason}`, ignore: true, fn() {} });
    continue;
  }

  Deno.test(`${name}: recorded decoding of every family`, async () => {
    for (const each of familyCases()) {
      const folder = await Deno.makeTempDir();
      try {
        await writeFamilyModel(folder, each);
        using backend = createCudaBackend({ library });
        using model = await openModel(folder, backend);
        using other = await openModel(folder, plain(backend));
        const found = await compare(model, other, each.ids.subarray(0, 3), 6);
        console.log(each.name, found, NOT_RECORDED);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }
  });
}
void [MODEL, generate, quantizeInMemory, loadTokenizer, rtn, assert];
