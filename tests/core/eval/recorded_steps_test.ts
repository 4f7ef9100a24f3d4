import assert from "node:assert/strict";
import { openModel } from "../../../core/model/open_model.ts";
import type { Model } from "../../../core/model/model.ts";
import { Decoder } from "../../../core/eval/decoder.ts";
import { generate } from "../../../core/eval/generate.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import type { Backend } from "../../../core/backend.ts";
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

/** Families, and how many of five steps a recording runs: none where one reads values back or depends on the length. */
const FAMILIES: Record<string, number> = {
  "bloom": 5,
  "falcon_7b": 5,
  "gemma2": 5,
  "gpt2": 5,
  "granite": 5,
  "llama": 5,
  "phi3-longrope-short": 0,
  "phi3-window": 5,
  "mixtral": 0,
};

for (const { name, library, reason } of usableLibraries()) {
  if (reason !== undefined) {
    Deno.test({ name: `${name}: decoding skipped, ${reason}`, ignore: true, fn() {} });
    continue;
  }
  const open = () => createCudaBackend({ library });

  for (const [family, wanted] of Object.entries(FAMILIES)) {
    Deno.test(`${name}: recorded decoding is decoding, ${family}`, async () => {
      const each = familyCases().find((found) => found.name === family)!;
      const folder = await Deno.makeTempDir();
      try {
        await writeFamilyModel(folder, each);
        using backend = open();
        {
          using model = await openModel(folder, backend);
          using ordinary = await openModel(folder, plain(backend));
          const found = await compare(model, ordinary, each.ids.subarray(0, 3), 6);
          assert.ok(found.error < 1e-5, `${found.error}`);
          assert.equal(found.steps, wanted);
          if (family === "mixtral") {
            assert.match(found.refusal!, /it reads values back to the host$/);
          } else assert.equal(found.refusal, undefined);
        }
        assert.equal(backend.allocatedBytes(), 0, "every tensor is freed");
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }

  Deno.test(`${name}: a recording is made anew where its rotary table ends`, async () => {
    const each = familyCases().find((found) => found.name === "llama")!;
    const folder = await Deno.makeTempDir();
    try {
      await writeFamilyModel(folder, each);
      using backend = open();
      using model = await openModel(folder, backend);
      using ordinary = await openModel(folder, plain(backend));
      const prompt = Int32Array.from({ length: 60 }, (_, i) => (i * 5 + 1) % 64);
      const found = await compare(model, ordinary, prompt, 8);
      assert.ok(found.error < 1e-5, `${found.error}`);
      // The table of 64 positions is made longer by a step, which cannot be recorded; the next one is.
      assert.deepEqual([found.steps, found.refusal], [5, undefined]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`${name}: salient-tiny writes the same from recorded steps, plain and with 4 bits`, async () => {
    using backend = open();
    const tokenizer = await loadTokenizer(MODEL);
    const options = { maxTokens: 4, temperature: 0.7, topK: 50, topP: 0.95, seed: 4 };
    const texts: string[] = [];
    for (const used of [backend, plain(backend)]) {
      using model = await openModel(MODEL, used);
      const plugins = [rtn({ bits: 4, groupSize: 32 })];
      const quantized = await quantizeInMemory({ model, backend: used, plugins });
      using packed = quantized.model;
      for (const each of [model, packed]) {
        const result = await generate(each, tokenizer, "The people", options);
        texts.push(result.text);
        assert.equal(result.recordedSteps, used === backend ? 2 : 0);
        assert.equal(result.notRecorded, undefined);
      }
    }
    assert.deepEqual(texts.slice(0, 2), texts.slice(2));
    assert.notEqual(texts[0], "");
  });
}
