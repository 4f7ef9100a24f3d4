/**
 * The likeliest tokens, where several ways are equally likely.
 *
 * @module
 */

import assert from "node:assert/strict";
import { UnigramModel } from "../../../core/tokenizer/unigram_model.ts";

const vocab = [["<unk>", -20], ["a", -1], ["aa", -2], ["b", -1.5], ["ab", -2.5], ["bb", -3]];

Deno.test("of equal sums the longest last token counts, as in the Rust library", () => {
  const model = new UnigramModel({ type: "Unigram", vocab, unk_id: 0 });
  const golden = {
    aa: [2],
    aaa: [1, 2],
    aab: [1, 4],
    abb: [1, 5],
    bbb: [3, 5],
    axa: [1, 0, 1],
    xx: [0],
    axxb: [1, 0, 3],
  };
  for (const [word, ids] of Object.entries(golden)) assert.deepEqual(model.encode([word]), ids);
});

Deno.test("unknown characters are their bytes where all of these are tokens", () => {
  const bytes = [["<0xC3>", -9], ["<0xA9>", -9]];
  const model = new UnigramModel({ vocab: [...vocab, ...bytes], unk_id: 0, byte_fallback: true });
  assert.deepEqual(model.encode(["aéé"]), [1, 6, 7, 6, 7]);
  assert.deepEqual(model.encode(["aö"]), [1, 0]);
});
