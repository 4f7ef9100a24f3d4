/**
 * Long words cut where no token reaches across.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Tokenizer } from "@huggingface/tokenizers";
import { wordSplitter } from "../../../core/tokenizer/word_splitter.ts";

const LETTERS = ["a", "b", "c", "▁", "é", "😀"];

/** Merges of random neighbours, each making a token of what is there before. */
const model = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 12 }).map((picks) => {
  const tokens = [...LETTERS];
  const merges: [string, string][] = [];
  for (const [left, right] of picks) {
    const pair: [string, string] = [tokens[left % tokens.length]!, tokens[right % tokens.length]!];
    if (tokens.includes(pair.join(""))) continue;
    merges.push(pair);
    tokens.push(pair.join(""));
  }
  return { tokens, merges };
});

Deno.test("the tokens of the parts are the tokens of the whole", () => {
  const word = fc.string({ unit: fc.constantFrom(...LETTERS, "x"), minLength: 60, maxLength: 300 });
  let cut = 0;
  fc.assert(fc.property(model, word, ({ tokens, merges }, word) => {
    const library = new Tokenizer({
      model: {
        type: "BPE",
        vocab: Object.fromEntries(["<unk>", ...tokens].map((token, id) => [token, id])),
        merges,
        unk_token: "<unk>",
        fuse_unk: true,
      },
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
    }, {});
    const whole = library.model!([word]);
    const parts = wordSplitter(tokens)([word]);
    assert.equal(parts.join(""), word);
    assert.deepEqual(library.model!(parts), whole);
    cut += parts.length - 1;
  }));
  assert.ok(cut > 100, "words were cut");
});

Deno.test("short words and words of one token's letters stay whole", () => {
  const split = wordSplitter(["ab", "ba"]);
  assert.deepEqual(split(["ac", "abab".repeat(50)]), ["ac", "abab".repeat(50)]);
  const [first, ...rest] = split(["ab".repeat(30) + "c" + "ab".repeat(30)]);
  assert.equal(first, "ab".repeat(30));
  assert.deepEqual(rest, ["c", "ab".repeat(30)]);
});
