import assert from "node:assert/strict";
import { convertModel } from "../../../core/convert/convert_model.ts";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { preTokenizerName, preTokenizerOf } from "../../../core/gguf/pre_tokenizer_name.ts";
import type { ReadValue } from "../../../core/gguf/read_gguf.ts";
import { tokenizerFilesOf } from "../../../core/gguf/tokenizer_files_of.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { refused, temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const TEXT = "The state of the Union, 1862: it's <s> strong.\n\n  Größe 日本 🙂\tend ";

Deno.test("the tokenizer of a GGUF file gives the ids that the original gives", async () => {
  await using folder = await temporaryDirectory();
  using backend = createReferenceBackend();
  const out = `${folder.path}/m.gguf`;
  await convertModel({ model: "models/salient-tiny", backend, format: "gguf", out });
  const back = `${folder.path}/back`;
  await convertModel({ model: out, backend, format: "dequantized", out: back });
  const expected = (await loadTokenizer("models/salient-tiny")).encode(TEXT);
  for (const place of [out, back]) {
    const tokenizer = await loadTokenizer(place);
    assert.deepEqual(tokenizer.encode(TEXT), expected, place);
    assert.equal(tokenizer.decode(expected.subarray(0, 4)), "The state of the");
    assert.equal(tokenizer.vocabSize, 2048);
  }
});

function spm(change: Record<string, ReadValue> = {}): Map<string, ReadValue> {
  const tokens = ["<unk>", "<s>", "<0xC3>", "<0xB6>", "▁", "a", "b", "ab", "▁a", "bb", "abb"];
  return new Map<string, ReadValue>(Object.entries({
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.token_type": [2, 3, 6, 6, 1, 1, 1, 1, 1, 1, 1],
    "tokenizer.ggml.scores": [0, 0, 0, 0, -9, -9, -9, -2, -1, -3, -4],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.chat_template": "{{ messages[0].content }}",
    ...change,
  }));
}

Deno.test("scores become merges in the order of the scores", async () => {
  const { definition, config } = tokenizerFilesOf("m.gguf", spm())!;
  const { merges } = definition["model"] as JsonObject;
  assert.deepEqual(merges, ["▁ a", "a b", "b b", "a bb", "ab b"]);
  assert.equal(config["bos_token"], "<s>");
  await using folder = await temporaryDirectory();
  await Deno.writeTextFile(`${folder.path}/tokenizer.json`, JSON.stringify(definition));
  await Deno.writeTextFile(`${folder.path}/tokenizer_config.json`, JSON.stringify(config));
  const tokenizer = await loadTokenizer(folder.path);
  // ▁a before ab; then bb; a byte each for ö.
  assert.deepEqual([...tokenizer.encode("abb ö")], [1, 8, 9, 4, 2, 3]);
  assert.equal(tokenizer.formatChat([{ role: "user", content: "hi" }], true), "hi");
});

Deno.test("tokenizerFilesOf() refuses what is damaged or not known", async () => {
  const cases: [Record<string, ReadValue>, RegExp][] = [
    [{ "tokenizer.ggml.model": "bert" }, /of m\.gguf is a bert model/],
    [{ "tokenizer.ggml.tokens": 7 }, /has no tokens/],
    [{ "tokenizer.ggml.tokens": ["a", 1] }, /has no tokens/],
    [{ "tokenizer.ggml.token_type": [1] }, /kinds for another number/],
    [{ "tokenizer.ggml.scores": [1] }, /scores for another number/],
    [{ "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "viking" }, /cuts words by viking/],
    [{ "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2" }, /has no merges/],
  ];
  for (const [change, text] of cases) {
    await refused(() => tokenizerFilesOf("m.gguf", spm(change)), text);
  }
  assert.equal(tokenizerFilesOf("m.gguf", new Map()), undefined);
});

Deno.test("preTokenizerOf() is the inverse of preTokenizerName()", () => {
  for (const name of ["gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "tekken"]) {
    const { preTokenizer, ignoreMerges } = preTokenizerOf(name)!;
    const model = { ignore_merges: ignoreMerges };
    assert.equal(preTokenizerName({ pre_tokenizer: preTokenizer, model }), name);
  }
  assert.equal(preTokenizerOf("toString"), undefined);
});
