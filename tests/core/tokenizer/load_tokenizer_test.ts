/**
 * Tokenizers of checkpoints, against ids made by the Rust library.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";

const MODEL = new URL("../../../models/salient-tiny/", import.meta.url);
const DIRECTORY = MODEL.pathname.slice(0, -1);

async function withDirectory(
  files: Readonly<Record<string, string>>,
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function inputError(...words: RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SalientError, String(error));
    assert.equal(error.code, "input");
    assert.ok(!error.message.includes("\n"), "one line");
    for (const word of words) assert.match(error.message, word);
    return true;
  };
}

const definition = JSON.parse(await Deno.readTextFile(new URL("tokenizer.json", MODEL)));

Deno.test("ids and decoded text equal the Rust library's", async () => {
  const golden: { text: string; ids: string; decoded: string }[] = JSON.parse(
    await Deno.readTextFile(new URL("golden.json", import.meta.url)),
  );
  const tokenizer = await loadTokenizer(DIRECTORY);
  assert.equal(tokenizer.vocabSize, 2048);
  assert.ok(golden.length > 20);
  for (const { text, ids, decoded } of golden) {
    const mine = tokenizer.encode(text);
    assert.equal(mine.join(" "), ids, JSON.stringify(text));
    assert.equal(tokenizer.decode(mine), decoded);
  }
});

Deno.test("a tokenizer that does not match the model is refused", async () => {
  const tokenizer = await loadTokenizer(DIRECTORY);
  tokenizer.checkVocabulary(2048);
  tokenizer.checkVocabulary(4096);
  assert.throws(
    () => tokenizer.checkVocabulary(2047),
    inputError(/does not match the model/, /2047/),
  );
});

Deno.test("ids that no token has are left out of the text", async () => {
  const tokenizer = await loadTokenizer(DIRECTORY);
  assert.equal(tokenizer.decode([]), "");
  assert.equal(tokenizer.decode([1, 999_999, 0, 1]), "!!");
});

Deno.test("special tokens of the post-processor are put in unless told otherwise", async () => {
  const post_processor = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] } },
  };
  const files = { "tokenizer.json": JSON.stringify({ ...definition, post_processor }) };
  await withDirectory(files, async (directory) => {
    const tokenizer = await loadTokenizer(directory);
    assert.deepEqual([...tokenizer.encode("!")], [0, 1]);
    assert.deepEqual([...tokenizer.encode("!", { specialTokens: false })], [1]);
    assert.equal(tokenizer.decode([0, 1]), "!");
  });
});

Deno.test("a directory without a tokenizer is refused, with what is read", async () => {
  await withDirectory({}, async (directory) => {
    await assert.rejects(
      loadTokenizer(directory),
      inputError(/tokenizer\.json/, /tokenizer\.model/, /merges\.txt/),
    );
  });
  await withDirectory({ "tekken.json": "{}" }, async (directory) => {
    await assert.rejects(loadTokenizer(directory), inputError(/tekken\.json .* is not read/));
  });
});

const damaged: Record<string, [string, RegExp]> = {
  "cut short": [JSON.stringify(definition).slice(0, 1000), /not valid JSON/],
  "an array": ["[]", /JSON object/],
  "nested deeply": ["[".repeat(10_000), /deep/],
  "without a model": ["{}", /no vocabulary/],
  "with a huge id": ['{"model":{"type":"BPE","vocab":{"a":4e9},"merges":[]}}', /"?a"? no valid id/],
  "with an id that is text": [
    '{"model":{"type":"BPE","vocab":{"a":"1"},"merges":[]}}',
    /no valid id/,
  ],
  "with an added token that is nothing": [
    '{"model":{"type":"BPE","vocab":{"a":1},"merges":[]},"added_tokens":[null]}',
    /added token/,
  ],
  "of an unknown kind": [
    '{"model":{"type":"BPE","vocab":{"a":1},"merges":[]},"normalizer":{"type":"Odd"}}',
    /Odd/,
  ],
};

for (const [name, [text, words]] of Object.entries(damaged)) {
  Deno.test(`a tokenizer.json ${name} is refused`, async () => {
    await withDirectory({ "tokenizer.json": text }, async (directory) => {
      await assert.rejects(loadTokenizer(directory), inputError(/tokenizer\.json/, words));
    });
  });
}

Deno.test("text that no token stands for is refused, not turned into nonsense", async () => {
  const model = { type: "WordLevel", vocab: { a: 0 }, unk_token: "<unk>" };
  await withDirectory({ "tokenizer.json": JSON.stringify({ model }) }, async (directory) => {
    const tokenizer = await loadTokenizer(directory);
    assert.deepEqual([...tokenizer.encode("a")], [0]);
    assert.throws(() => tokenizer.encode("b"), inputError(/no token for b/));
  });
});
