import assert from "node:assert/strict";
import {
  convertModel,
  inspectModel,
  loadTokenizer,
  openBackend,
  openModel,
  perplexity,
} from "../mod.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { clientModels } from "./client_models.ts";
import { clientTest, missingPeer, PEERS, runPeer } from "./run_child.ts";

const WINDOW = 256;
const WINDOWS = 2;
const missing = missingPeer("node-llama-cpp");

/**
 * Mixtures by their numbers in llama.cpp (`llama_ftype`). Rows of 128 and 384 do not fill blocks of 256, so that llama.cpp
 * takes others in their place.
 */
const MIXTURES = [
  { name: "Q4_0", type: 2, blocks: ["Q4_0"] },
  { name: "Q4_1", type: 3, blocks: ["Q4_1"] },
  { name: "Q5_0", type: 8, blocks: ["Q5_0"] },
  { name: "Q5_1", type: 9, blocks: ["Q5_1"] },
  { name: "Q8_0", type: 7, blocks: ["Q8_0"] },
  { name: "Q4_K_M", type: 15, blocks: ["Q5_0", "Q8_0"] },
  { name: "IQ4_NL", type: 25, blocks: ["IQ4_NL"] },
];

const [model] = clientModels();
for (const { name, type, blocks } of model === undefined ? [] : MIXTURES) {
  clientTest(
    `what llama.cpp quantizes to ${name} is read, and measures as there`,
    missing,
    async () => {
      await using folder = await temporaryDirectory();
      using backend = await openBackend("auto");
      const [from, file] = [`${folder.path}/from.gguf`, `${folder.path}/m.gguf`];
      await convertModel({ model: model!.directory, backend, format: "gguf", out: from });
      const library = new URL("@node-llama-cpp/linux-x64/bins/linux-x64", PEERS).pathname;
      const request = { library, from, to: file, type };
      assert.equal(await runPeer<number>("tests_clients/children/quantize_gguf.ts", request), 0);

      using ours = await openModel(file, backend);
      const stored = new Set(inspectModel(ours).linears.map((linear) => linear.stored));
      assert.deepEqual([...stored].sort(), blocks);
      const ids = (await loadTokenizer(file)).encode(model!.text, { specialTokens: false });
      const windows = Array.from(
        { length: WINDOWS },
        (_, i) => [...ids.subarray(i * WINDOW, (i + 1) * WINDOW)],
      );
      const measure = { file, texts: [], prompt: windows[0], tokens: 1, windows };
      const answer = await runPeer<{ losses: number[] }>(
        "tests_clients/children/llama.ts",
        measure,
      );
      const all = Int32Array.from(windows.flat());
      const { perplexity: expected } = await perplexity(ours, all, { seqLen: WINDOW });
      const found = Math.exp(answer.losses.reduce((sum, loss) => sum + loss, 0) / WINDOWS);
      console.log(`  ${name}: perplexity ${expected.toFixed(4)}, llama.cpp ${found.toFixed(4)}`);
      // llama.cpp rounds the inputs of these products to 8 bits.
      assert.ok(Math.abs(found / expected - 1) < 1e-2, `${found} against ${expected}`);
    },
  );
}
