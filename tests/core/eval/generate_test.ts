import assert from "node:assert/strict";
import { Decoder } from "../../../core/eval/decoder.ts";
import { generate, type GenerateOptions } from "../../../core/eval/generate.ts";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { sampleTokens } from "../../../core/eval/sample_tokens.ts";
import type { Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import type { Tokenizer } from "../../../core/tokenizer/types.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { logitsOf, relativeDifference } from "../pipeline/pipeline_fixtures.ts";

/** Characters of code 64 and up are the ids 0 and up. */
const tokenizer: Tokenizer = {
  vocabSize: 64,
  encode: (text) => Int32Array.from(text, (character) => character.charCodeAt(0) - 64),
  decode: (ids) => String.fromCharCode(...Array.from(ids, (id) => id + 64)),
  formatChat: () => assert.fail("there is no template"),
  checkVocabulary: () => {},
};

async function withModel(config: object, use: (model: Model) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await writeTinyModel(directory, { ...TINY_LLAMA, ...config });
    using backend = createReferenceBackend();
    {
      using model = await openModel(directory, backend);
      await use(model);
    }
    assert.equal(backend.allocatedBytes(), 0, "every tensor is freed");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function generated(model: Model, options: Partial<GenerateOptions>) {
  return generate(model, tokenizer, "ABC", { maxTokens: 12, ...options });
}

Deno.test("generate() gives the same text for the same seed", async () => {
  await withModel({ eos_token_id: null }, async (model) => {
    const first = await generated(model, { temperature: 1, seed: 5 });
    const again = await generated(model, { temperature: 1, seed: 5 });
    const other = await generated(model, { temperature: 1, seed: 6 });
    assert.equal(first.text, again.text);
    assert.notEqual(first.text, other.text);
    const top = await generated(model, { temperature: 1, topK: 1 });
    assert.equal(top.text, (await generated(model, {})).text);
  });
});

Deno.test("generate() stops at an end token and does not show it", async () => {
  await withModel({ eos_token_id: null }, async (model) => {
    const free = await generated(model, {});
    const eos = free.text.charCodeAt(4) - 64;
    const first = free.text.indexOf(String.fromCharCode(eos + 64));
    await withModel({ eos_token_id: [63, eos] }, async (ending) => {
      const result = await generated(ending, {});
      assert.equal(result.stopped, "eos");
      assert.equal(result.text, free.text.slice(0, first));
      assert.equal(result.tokens, first);
    });
  });
});

Deno.test("generate() stops where the model's positions end and says so", async () => {
  await withModel({ eos_token_id: null, max_position_embeddings: 8 }, async (model) => {
    const result = await generated(model, {});
    assert.deepEqual([result.stopped, result.tokens], ["maxPositions", 5]);
    assert.equal(result.note, "Stopped after 5 tokens: the model takes 8 positions");
    await assert.rejects(generate(model, tokenizer, "ABCDEFGH", { maxTokens: 1 }), {
      code: "input",
      message: /^Prompt has 8 tokens/,
    });
  });
});

Deno.test("generate() starts an empty prompt with the start token, if there is one", async () => {
  await withModel({ eos_token_id: null }, async (model) => {
    const result = await generate(model, tokenizer, "", { maxTokens: 3 });
    assert.deepEqual([result.promptTokens, result.tokens], [1, 3]);
  });
  await withModel({ bos_token_id: null }, async (model) => {
    await assert.rejects(generate(model, tokenizer, "", { maxTokens: 3 }), {
      code: "input",
      message: /^Prompt is empty/,
    });
  });
});

Deno.test("generate() and perplexity() stop when they are told to", async () => {
  await withModel({ eos_token_id: null }, async (model) => {
    const controller = new AbortController();
    const reason = new Error("stop");
    const onText = () => controller.abort(reason);
    await assert.rejects(generated(model, { signal: controller.signal, onText }), reason);
    const ids = new Int32Array(32);
    await assert.rejects(perplexity(model, ids, { seqLen: 8, signal: controller.signal }), reason);
  });
});

Deno.test("perplexity() with a stride predicts each token from what came before", async () => {
  await withModel({}, async (model) => {
    const ids = Int32Array.from({ length: 21 }, (_, i) => (i * i * 3 + i) % 64);
    const whole = await perplexity(model, ids, { seqLen: 21 });
    const strided = await perplexity(model, ids, { seqLen: 21, stride: 4 });
    assert.equal(strided.perplexity, whole.perplexity);
    const short = await perplexity(model, ids, { seqLen: 8, stride: 3, batch: 4 });
    assert.deepEqual([short.tokens, short.windows], [21, 6]);
    // The same, window by window: new tokens only, weighted by their number.
    let loss = 0;
    for (
      const [start, end, first] of [[0, 8, 1], [3, 11, 5], [6, 14, 5], [9, 17, 5], [12, 20, 5]]
    ) {
      const all = await perplexity(model, ids.slice(start, end), { seqLen: end! - start! });
      const read = first! < 2
        ? { perplexity: 1 }
        : await perplexity(model, ids.slice(start, start! + first!), { seqLen: first! });
      loss += Math.log(all.perplexity) * (end! - start! - 1) -
        Math.log(read.perplexity) * (first! - 1);
    }
    const tail = await perplexity(model, ids.slice(15), { seqLen: 6 });
    const read = await perplexity(model, ids.slice(15, 20), { seqLen: 5 });
    loss += Math.log(tail.perplexity) * 5 - Math.log(read.perplexity) * 4;
    assert.ok(Math.abs(Math.log(short.perplexity) - loss / 20) < 1e-5);
  });
});

Deno.test("perplexity() refuses a short text, a bad batch and a model that gives NaN", async () => {
  await withModel({}, async (model) => {
    await assert.rejects(perplexity(model, new Int32Array(7), { seqLen: 8 }), {
      code: "input",
      message: /^Text has 7 tokens/,
    });
    await assert.rejects(perplexity(model, new Int32Array(8), { seqLen: 8, batch: 0 }), {
      code: "usage",
    });
  });
  const directory = await Deno.makeTempDir();
  try {
    await writeTinyModel(directory, TINY_LLAMA, {
      edit: (name, values) => name.includes("up_proj") && values.fill(NaN),
    });
    using backend = createReferenceBackend();
    using model = await openModel(directory, backend);
    await assert.rejects(perplexity(model, new Int32Array(8), { seqLen: 8 }), {
      code: "failed",
      message: /is not a number/,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("sampleTokens() does not depend on the batch, but on the seed", async () => {
  await withModel({}, async (model) => {
    const options = { samples: 5, seqLen: 10 };
    const together = await sampleTokens(model, options);
    assert.equal(together.length, 50);
    assert.ok([0, 10, 20, 30, 40].every((start) => together[start] === 1), "each begins with BOS");
    assert.deepEqual(await sampleTokens(model, { ...options, batch: 2 }), together);
    assert.notDeepEqual(await sampleTokens(model, { ...options, seed: 1 }), together);
    assert.notDeepEqual(together.subarray(0, 10), together.subarray(10, 20));
    const greedy = await sampleTokens(model, { ...options, temperature: 0 });
    assert.deepEqual(greedy.subarray(0, 10), greedy.subarray(40, 50));
    const prompt = String.fromCharCode(65);
    const { text } = await generate(model, tokenizer, prompt, { maxTokens: 5 });
    const ids = tokenizer.encode(text);
    assert.deepEqual(greedy.subarray(1, 1 + ids.length), ids);
    await assert.rejects(sampleTokens(model, { ...options, seqLen: 65 }), { code: "input" });
    await assert.rejects(sampleTokens(model, { ...options, samples: 0 }), { code: "usage" });
  });
});

Deno.test("a text that outgrows LongRoPE's first range goes on as if it had been given whole", async () => {
  const stretched = {
    eos_token_id: null,
    rope_scaling: {
      rope_type: "longrope",
      original_max_position_embeddings: 8,
      short_factor: [1, 1.2, 1.5, 2],
      long_factor: [1.5, 3, 6, 9],
    },
  };
  await withModel(stretched, async (model) => {
    const { vocabSize } = model.config;
    for (const sequences of [1, 2]) {
      using decoder = new Decoder(model, sequences, 16);
      const texts = Array.from({ length: sequences }, (_, s) => {
        return Int32Array.from({ length: 12 }, (_, i) => (5 + 11 * i + 17 * s) % 64);
      });
      for (let t = 0; t < 12; t++) {
        const logits = await decoder.next(Int32Array.from(texts, (text) => text[t]!));
        for (const [s, text] of texts.entries()) {
          const whole = await logitsOf(model, text.subarray(0, t + 1));
          const error = relativeDifference(logits[s]!, whole.subarray(t * vocabSize));
          assert.ok(error < 1e-5, `token ${t} of sequence ${s}: ${error}`);
        }
      }
    }
  });
});
