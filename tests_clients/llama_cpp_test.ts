import assert from "node:assert/strict";
import {
  convertModel,
  generate,
  loadTokenizer,
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

      const text = await generate(ours, tokenizer, prompt, { maxTokens: 24 });
      const theirs = tokenizer.decode([...tokenizer.encode(prompt), ...answer.greedy])
        .slice(tokenizer.decode(tokenizer.encode(prompt)).length);
      assert.equal(theirs, text.text);

      for (const [i, part] of texts.entries()) {
        const own = tokenizer.encode(part, { specialTokens: false });
        assert.deepEqual(answer.texts[i], [...own], part.slice(0, 40));
      }
    });
  }
}
