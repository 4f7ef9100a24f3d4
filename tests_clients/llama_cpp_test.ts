import assert from "node:assert/strict";
import {
  convertModel,
  loadTokenizer,
  type Model,
  openBackend,
  openModel,
  perplexity,
  quantize,
  rtn,
} from "../mod.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { clientModels } from "./client_models.ts";
import { clientTest, missingPeer, runPeer } from "./run_child.ts";

interface Answer {
  readonly texts: readonly (readonly number[])[];
  readonly greedy: readonly number[];
  readonly losses: readonly number[];
}

const WINDOW = 256;
const WINDOWS = 2;
const missing = missingPeer("node-llama-cpp");

/**
 * llama.cpp rounds the inputs of quantized products to 8 bits, so that its figures are off by a little; those of
 * plain weights are not.
 */
const CASES = [
  { name: "plain", grid: undefined, perplexity: 1e-3 },
  { name: "Q4_1", grid: { bits: 4, groupSize: 32 }, perplexity: 1e-2 },
  { name: "Q4_0", grid: { bits: 4, groupSize: 128, symmetric: true }, perplexity: 1e-2 },
  { name: "Q8_0", grid: { bits: 8, groupSize: 32, symmetric: true }, perplexity: 5e-3 },
];

/**
 * How far the tokens that another program chose lie below our own greedy choices, at most, in nats: 0 where it writes
 * what we write. Where two tokens are as good as equal, 8-bit inputs may tip the balance.
 */
async function greedyGap(
  model: Model,
  prompt: readonly number[],
  chosen: readonly number[],
): Promise<number> {
  const ids = Int32Array.from([...prompt, ...chosen]);
  let hidden = await model.embed(ids);
  for (let i = 0; i < model.config.blocks; i++) {
    using block = await model.loadBlock(i);
    using input = hidden;
    hidden = await block.run(input, { sequences: 1 });
  }
  using last = hidden;
  using logits = await model.logits(last);
  const values = model.backend.download(logits);
  const { vocabSize } = model.config;
  let gap = 0;
  for (const [i, id] of chosen.entries()) {
    const row = values.subarray(
      (prompt.length + i - 1) * vocabSize,
      (prompt.length + i) * vocabSize,
    );
    gap = Math.max(gap, Math.max(...row) - row[id]!);
  }
  return gap;
}

for (const model of clientModels()) {
  for (const { name, grid, perplexity: allowed } of CASES) {
    clientTest(`llama.cpp runs ${model.name} as we do, ${name}`, missing, async () => {
      await using folder = await temporaryDirectory();
      const file = `${folder.path}/m.gguf`;
      using backend = await openBackend("auto");
      const options = { model: model.directory, backend, format: "gguf", out: file };
      if (grid === undefined) await convertModel(options);
      else await quantize({ ...options, plugins: [rtn(grid)] });

      using ours = await openModel(file, backend);
      const tokenizer = await loadTokenizer(model.directory);
      const ids = tokenizer.encode(model.text, { specialTokens: false });
      const windows = Array.from(
        { length: WINDOWS },
        (_, i) => [...ids.subarray(i * WINDOW, (i + 1) * WINDOW)],
      );
      const { prompt, texts } = model;
      const answer = await runPeer<Answer>("tests_clients/children/llama.ts", {
        file,
        texts,
        prompt: [...tokenizer.encode(prompt)],
        tokens: 24,
        windows,
      });

      const all = Int32Array.from(windows.flat());
      const { perplexity: expected } = await perplexity(ours, all, { seqLen: WINDOW });
      const mean = answer.losses.reduce((sum, loss) => sum + loss, 0) / WINDOWS;
      const found = Math.exp(mean);
      console.log(
        `  ${model.name} ${name}: perplexity ${expected.toFixed(4)}, llama.cpp ${found.toFixed(4)}`,
      );
      assert.ok(Math.abs(found / expected - 1) < allowed, `${found} against ${expected}`);

      const gap = await greedyGap(ours, [...tokenizer.encode(prompt)], answer.greedy);
      console.log(
        `  ${JSON.stringify(tokenizer.decode(answer.greedy))}, at most ${
          gap.toFixed(4)
        } nat below our choice`,
      );
      assert.equal(answer.greedy.length, 24);
      assert.ok(gap < (grid === undefined ? 5e-3 : 0.1), `${gap} nat below`);

      for (const [i, part] of texts.entries()) {
        const own = tokenizer.encode(part, { specialTokens: false });
        assert.deepEqual(answer.texts[i], [...own], part.slice(0, 40));
      }
    });
  }
}
