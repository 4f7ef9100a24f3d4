import assert from "node:assert/strict";
import type { Json, JsonObject } from "../../../core/checkpoint/types.ts";
import { preTokenizerName, preTokenizerOf } from "../../../core/gguf/pre_tokenizer_name.ts";
import { tokenizerMetadata } from "../../../core/gguf/tokenizer_metadata.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";

const BYTES = { type: "ByteLevel", add_prefix_space: false, use_regex: true };

function byteLevel(change: JsonObject = {}): JsonObject {
  return {
    added_tokens: [{ id: 0, content: "<s>", special: true }, {
      id: 5,
      content: "<tool>",
      special: false,
    }],
    normalizer: null,
    pre_tokenizer: BYTES,
    model: { type: "BPE", vocab: { a: 1, b: 2, ab: 3, "Ġ": 4 }, merges: [["a", "b"]] },
    ...change,
  };
}

Deno.test("a byte-level tokenizer becomes a gpt2 model with merges", () => {
  const config = { bos_token: "<s>", eos_token: { content: "<tool>" } };
  const files = { definition: byteLevel(), config, chatTemplate: "{{ x }}" };
  const { values, warning } = tokenizerMetadata(files, 8);
  const get = (key: string): unknown => values.get(`tokenizer.${key}`)?.value;
  assert.equal(warning, undefined);
  assert.deepEqual([get("ggml.model"), get("ggml.pre")], ["gpt2", "gpt-2"]);
  assert.deepEqual(get("ggml.tokens"), ["<s>", "a", "b", "ab", "Ġ", "<tool>", "[PAD6]", "[PAD7]"]);
  assert.deepEqual(get("ggml.token_type"), Int32Array.of(3, 1, 1, 1, 1, 4, 5, 5));
  assert.deepEqual(get("ggml.merges"), ["a b"]);
  assert.deepEqual([get("ggml.bos_token_id"), get("ggml.eos_token_id")], [0, 5]);
  assert.deepEqual([get("ggml.add_bos_token"), get("chat_template")], [false, "{{ x }}"]);
});

Deno.test("a SentencePiece-like tokenizer becomes a llama model with scores", () => {
  const vocab = { "<unk>": 0, "<0x0A>": 1, a: 2, b: 3, ab: 4, abb: 5, "▁": 6, bb: 7 };
  const definition: JsonObject = {
    added_tokens: [{ id: 0, content: "<unk>", special: true }],
    normalizer: { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }] },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<unk>" } }, { Sequence: { id: "A" } }],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      byte_fallback: true,
      vocab,
      merges: ["a b", "b b", "ab b"],
    },
  };
  const { values, warning } = tokenizerMetadata(
    { definition, config: {}, chatTemplate: undefined },
    8,
  );
  const get = (key: string): unknown => values.get(`tokenizer.ggml.${key}`)?.value;
  assert.equal(get("model"), "llama");
  assert.deepEqual(get("token_type"), Int32Array.of(2, 6, 1, 1, 1, 1, 1, 1));
  assert.deepEqual(get("scores"), Float32Array.of(0, 0, -4, -4, 0, -2, -4, -1));
  assert.deepEqual([get("add_space_prefix"), get("add_bos_token")], [true, true]);
  // a + bb makes abb too, and no merge says so.
  assert.match(
    warning ?? "",
    /^1 tokens can be joined.*; the vocabulary lacks tokens for single bytes/,
  );
});

Deno.test("tokenizerMetadata() refuses what llama.cpp has no name for", async () => {
  const refuse = (definition: JsonObject, rows: number, text: RegExp) =>
    refused(
      () => tokenizerMetadata({ definition, config: {}, chatTemplate: undefined }, rows),
      text,
    );
  await refuse(
    byteLevel({ model: { type: "Unigram", vocab: [] } }),
    8,
    /byte-pair tokenizers, not Unigram/,
  );
  await refuse(
    byteLevel({ pre_tokenizer: null }),
    8,
    /no name for the way this tokenizer\.json cuts/,
  );
  await refuse(byteLevel(), 5, /The token <tool> has no row among the 5/);
  await refuse(
    byteLevel({ model: { type: "BPE", vocab: { a: -1 }, merges: [] } }),
    8,
    /token a has no row/,
  );
  await refuse(
    byteLevel({ model: { type: "BPE", vocab: {}, merges: ["a b c"] } }),
    8,
    /merges of two/,
  );
});

const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

Deno.test("preTokenizerName() knows the ways of the published models", () => {
  const split = (pattern: string): Json => ({
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
      { ...BYTES, use_regex: false },
    ],
  });
  const digits = { type: "Digits", individual_digits: true };
  const cases: [Json, boolean, string | undefined][] = [
    [BYTES, false, "gpt-2"],
    [{ ...BYTES, add_prefix_space: true }, false, undefined],
    [{ type: "Sequence", pretokenizers: [digits, BYTES] }, false, "smollm"],
    [split(LLAMA3), true, "llama-bpe"],
    [split(LLAMA3.replace("{1,3}", "")), false, "qwen2"],
    [split("\\s+"), false, undefined],
    [{ type: "Whitespace" }, false, undefined],
    [null, false, undefined],
  ];
  for (const [pre_tokenizer, ignore_merges, name] of cases) {
    assert.equal(preTokenizerName({ pre_tokenizer, model: { ignore_merges } }), name);
  }
  const lower = { pre_tokenizer: BYTES, normalizer: { type: "Lowercase" }, model: {} };
  assert.equal(preTokenizerName(lower), undefined);
});

Deno.test("Falcon's way of cutting words has a name, and a warning", () => {
  const { preTokenizer } = preTokenizerOf("falcon")!;
  const definition = byteLevel({ pre_tokenizer: preTokenizer });
  const { values, warning } = tokenizerMetadata(
    { definition, config: {}, chatTemplate: undefined },
    8,
  );
  assert.equal(values.get("tokenizer.ggml.pre")?.value, "falcon");
  assert.match(warning ?? "", /may cut numbers and other scripts differently/);
});

Deno.test("the name of a way of cutting words is found again", () => {
  for (
    const name of ["gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "tekken", "gpt-4o", "falcon"]
  ) {
    const { preTokenizer, ignoreMerges } = preTokenizerOf(name)!;
    const model = { type: "BPE", vocab: {}, merges: [], ignore_merges: ignoreMerges };
    assert.equal(preTokenizerName({ pre_tokenizer: preTokenizer, model }), name);
  }
});
