import assert from "node:assert/strict";
import { generate } from "../../../core/eval/generate.ts";
import { perplexity, type PerplexityProgress } from "../../../core/eval/perplexity.ts";
import type { Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import golden from "../../golden/tiny_logits.json" with { type: "json" };
import { type TestBackend, testBackends } from "../../test_backends.ts";

const MODEL = "models/salient-tiny";
const { salientTiny } = golden;
const ids = Int32Array.from(salientTiny.ids.split(" ").map(Number));

async function withModel(
  { create }: TestBackend,
  use: (model: Model) => Promise<void>,
): Promise<void> {
  using backend = await create();
  const before = backend.allocatedBytes();
  {
    using model = await openModel(MODEL, backend);
    await use(model);
  }
  assert.equal(backend.allocatedBytes(), before, "every tensor is freed");
}

for (const backend of testBackends()) {
  Deno.test(`perplexity() of salient-tiny is that of transformers, on ${backend.name}`, async () => {
    await withModel(backend, async (model) => {
      const { seqLen } = salientTiny;
      const events: PerplexityProgress[] = [];
      const result = await perplexity(model, ids, {
        seqLen,
        batch: 3,
        onProgress: (event) => events.push(event),
      });
      assert.ok(
        Math.abs(result.perplexity / salientTiny.perplexity - 1) < 1e-4,
        `${result.perplexity}`,
      );
      assert.equal(result.windows, salientTiny.windows);
      assert.equal(result.tokens, salientTiny.windows * seqLen);
      assert.deepEqual(events.map((event) => event.windows), [3, 4]);
      assert.equal(events.at(-1)!.perplexity, result.perplexity);
      const reloaded = await perplexity(model, ids, { seqLen, batch: 1, keepBlocks: false });
      assert.ok(Math.abs(reloaded.perplexity / result.perplexity - 1) < 1e-6);
    });
  });

  Deno.test(`openModel() runs salient-tiny as transformers does, on ${backend.name}`, async () => {
    await withModel(backend, async (model) => {
      let hidden = await model.embed(ids.subarray(0, salientTiny.seqLen));
      for (let i = 0; i < model.config.blocks; i++) {
        using block = await model.loadBlock(i);
        using input = hidden;
        hidden = await block.run(input, { sequences: 1 });
      }
      using last = hidden;
      using logits = await model.logits(last);
      const expected = salientTiny.lastLogits.split(" ").map(Number);
      const actual = model.backend.download(logits).subarray(-model.config.vocabSize);
      const largest = Math.max(...expected.map(Math.abs));
      for (const [i, value] of expected.entries()) {
        assert.ok(Math.abs(actual[i]! - value) < 1e-4 * largest, `${i}: ${actual[i]} ${value}`);
      }
    });
  });

  Deno.test(`generate() of salient-tiny is greedy as transformers is, on ${backend.name}`, async () => {
    await withModel(backend, async (model) => {
      const tokenizer = await loadTokenizer(MODEL);
      const prompt = tokenizer.decode(ids.subarray(0, 8));
      assert.deepEqual(tokenizer.encode(prompt), ids.subarray(0, 8));
      const pieces: string[] = [];
      const maxTokens = salientTiny.greedy.split(" ").length;
      const result = await generate(model, tokenizer, prompt, {
        maxTokens,
        onText: (text) => pieces.push(text),
      });
      assert.equal(result.text, salientTiny.greedyText);
      assert.equal(pieces.join(""), result.text);
      assert.ok(pieces.length > 5, "text comes piece by piece");
      assert.deepEqual(
        [result.promptTokens, result.tokens, result.stopped, result.note],
        [8, maxTokens, "maxTokens", undefined],
      );
      assert.ok(result.tokensPerSecond > 0 && result.prefillTokensPerSecond > 0);
    });
  });
}
