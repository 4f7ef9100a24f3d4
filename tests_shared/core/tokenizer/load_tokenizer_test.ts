/**
 * Token counts of the shared texts, for the models beside the checkout.
 *
 * @module
 */

import assert from "node:assert/strict";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { loadCalibration } from "../../../core/calibration/load_calibration.ts";
import { readText } from "../../../core/calibration/read_text.ts";

const SHARED = new URL("../../../../shared/", import.meta.url).pathname;

/** Counts of the Rust library: tokens with the default special tokens, and windows of 256. */
const COUNTS: [string, string, number, number][] = [
  ["TinyStories-656K", "tinystories-calibration", 17428, 68],
  ["TinyStories-656K", "tinystories-test", 18406, 71],
  ["TinyStories-656K", "wikitext2-test", 573557, 2240],
  ["salient-tiny", "sotu-calibration", 199070, 777],
  ["salient-tiny", "sotu-test", 96982, 378],
  ["salient-tiny", "wikitext2-test", 521650, 2037],
];

for (const [model, text, tokens, windows] of COUNTS) {
  Deno.test({
    name: `${model} makes ${tokens} tokens of ${text}`,
    ignore: !await exists(SHARED),
    fn: async () => {
      const tokenizer = await loadTokenizer(`${SHARED}models/${model}`);
      const source = `${SHARED}text/${text}.txt`;
      const ids = tokenizer.encode((await readText(source)).text);
      assert.equal(ids.length, tokens);
      const set = await loadCalibration({ source, tokenizer, samples: 10_000, seqLen: 256 });
      assert.equal(set.samples, windows);
      assert.ok(set.ids.every((id, at) => id === ids[at]), "the windows are the text's tokens");
      if (model === "TinyStories-656K") {
        assert.deepEqual([ids[0], ids.indexOf(1, 1)], [1, -1], "one BOS, at the very start");
      }
    },
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}
