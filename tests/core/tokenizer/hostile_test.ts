/**
 * Tokenizer files that nobody should have made.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { checkPattern } from "../../../core/tokenizer/check_pattern.ts";
import { compilePattern } from "../../../core/tokenizer/compile_pattern.ts";
import { eachMatch } from "../../../core/tokenizer/each_match.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { makeNormalizer } from "../../../core/tokenizer/normalizer.ts";

for (
  const pattern of [
    "(a+)+b",
    "(?:a|aa)*c",
    "(?:a?){60}b",
    "(((a{1,9}){1,9}){1,9}){1,9}b",
    "((((x?){2}){2}){2}){2}y",
    "[\\s\\S]*[\\s\\S]*x",
    "(?:\\s*\\p{L}*)\\d",
    "a*(?=b*c)",
    "(a)\\1",
    "(?<n>a)\\k<n>",
    "(".repeat(200),
    "a".repeat(30_000),
  ]
) {
  Deno.test(`a pattern that could run for ages is refused: ${pattern.slice(0, 40)}`, () => {
    assert.throws(() => checkPattern(pattern), /its regular expression/);
  });
}

for (
  const pattern of [
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}",
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
    " ?[^(\\s|[.,!?…。，、।۔،])]+",
    "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?:\\P{N}|$))",
    "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}&&[^\\p{Han}]]*[\\p{Ll}\\p{Lo}&&[^\\p{Han}]]+",
  ]
) {
  Deno.test(`a pattern of a known tokenizer is not: ${pattern.slice(0, 40)}`, () => {
    checkPattern(pattern);
    compilePattern({ Regex: pattern });
  });
}

Deno.test("a pattern that passes over the text again and again is stopped", () => {
  const pattern = compilePattern({ Regex: "\\s*x| " });
  const text = " ".repeat(400_000);
  const start = performance.now();
  assert.throws(() => eachMatch(pattern, text, () => {}, 0.5), /takes too long/);
  assert.ok(performance.now() - start < 60_000);
});

Deno.test("a normalizer cannot make a text grow without bound", () => {
  const double = { type: "Replace", pattern: { String: "a" }, content: "aa" };
  const normalize = makeNormalizer({ type: "Sequence", normalizers: Array(60).fill(double) });
  assert.throws(() => normalize?.("a".repeat(10_000)), /too long/);
  assert.throws(() => makeNormalizer({ ...double, content: "b".repeat(1000) }), /too long/);
});

const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]] };
const files: Readonly<Record<string, [object, RegExp]>> = {
  "a pattern with nested repeats": [
    { model, pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+b" }, behavior: "Isolated" } },
    /repeats what repeats/,
  ],
  "a pattern that is none": [
    { model, pre_tokenizer: { type: "Split", pattern: { Regex: "[a" }, behavior: "Isolated" } },
    /cannot be used/,
  ],
  "a behaviour that is none": [
    { model, pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "Eaten" } },
    /Unknown split Eaten/,
  ],
  "a table of characters that ends early": [
    { model, normalizer: { type: "Precompiled", precompiled_charsmap: "/////w==" } },
    /table of characters is damaged/,
  ],
  "a table of characters that is no base64": [
    { model, normalizer: { type: "Precompiled", precompiled_charsmap: "\u0000" } },
    /cannot be used/,
  ],
  "a template with a token that has no id": [
    {
      model,
      post_processor: { type: "TemplateProcessing", single: [{ SpecialToken: { id: "x" } }] },
    },
    /no id for x/,
  ],
  "an unknown decoder": [{ model, decoder: { type: "Odd" } }, /Odd/],
  "an unknown model": [{ model: { ...model, type: "Odd" } }, /Odd/],
  "a Unigram model without an unknown token": [
    { model: { type: "Unigram", vocab: [["a", 0]] } },
    /unk_id/,
  ],
  "a Unigram token without a score": [
    { model: { type: "Unigram", vocab: [["a"]], unk_id: 0 } },
    /no score/,
  ],
  "a merge of three": [{ model: { ...model, merges: ["a b c"] } }, /not a pair/],
  "a merge of tokens that are not there": [
    { model: { ...model, merges: ["a c"] } },
    /lacks a token/,
  ],
};
for (const [name, [definition, words]] of Object.entries(files)) {
  Deno.test(`refused in one line: ${name}`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${directory}/tokenizer.json`, JSON.stringify(definition));
      await assert.rejects(loadTokenizer(directory), (error: unknown) => {
        assert.ok(error instanceof SalientError && error.code === "input", String(error));
        assert.match(error.message, words);
        assert.ok(!error.message.includes("\n"));
        return true;
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

for (const kind of ["llama2", "llama3", "gemma", "t5"]) {
  Deno.test(`a line of a megabyte without a space takes seconds: ${kind}`, async () => {
    const tokenizer = await loadTokenizer(new URL(`kinds/${kind}`, import.meta.url).pathname);
    const text = "abcdefghij".repeat(2 ** 20 / 10);
    const start = performance.now();
    const ids = tokenizer.encode(text, { specialTokens: false });
    assert.ok(ids.length > 10_000);
    // About one second; something quadratic would take an hour.
    assert.ok(performance.now() - start < 120_000);
    assert.equal(tokenizer.decode(ids), text);
  });
}

Deno.test("halves of surrogate pairs are read as U+FFFD", async () => {
  for (const kind of ["llama2", "llama3", "gemma", "t5"]) {
    const tokenizer = await loadTokenizer(new URL(`kinds/${kind}`, import.meta.url).pathname);
    for (const text of ["\ud83d", "a\udc00b", "\ud83d\ud83d\ude00", "\ude00\ud83d"]) {
      assert.deepEqual(tokenizer.encode(text), tokenizer.encode(text.toWellFormed()));
    }
  }
});
