/**
 * Tokenizers without a tokenizer.json: SentencePiece models, and vocab.json with merges.txt.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { SalientError } from "../../../core/errors.ts";
import type { ReadValue } from "../../../core/gguf/read_gguf.ts";
import { readTokenizerFiles } from "../../../core/gguf/read_tokenizer_files.ts";
import { tokenizerFilesOf } from "../../../core/gguf/tokenizer_files_of.ts";
import { tokenizerMetadata } from "../../../core/gguf/tokenizer_metadata.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { cutHashes, DIGITS, lineHashes, lineParts } from "./line_hashes.ts";

interface Case {
  readonly name: string;
  readonly config: object;
  /** As of every other kind; or of ids alone, dots where SentencePiece and transformers differ by design. */
  readonly hashes?: string;
  readonly ids?: string;
}

const here = new URL(".", import.meta.url);
const lines: string[] = JSON.parse(await Deno.readTextFile(new URL("lines.json", here)));

async function withFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${directory}/${name}`, bytes);
    }
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

for (const kind of ["llama-model", "gemma-model", "unigram-model"]) {
  const folder = new URL(`kinds/${kind}/`, here);
  const model = await Deno.readFile(new URL("tokenizer.model", folder));
  const cases: Case[] = JSON.parse(await Deno.readTextFile(new URL("golden.json", folder)));
  for (const { name, config, hashes, ids } of cases) {
    Deno.test(`a tokenizer.model alone: ${kind}, ${name}`, async () => {
      const files = { "tokenizer.model": model, "tokenizer_config.json": JSON.stringify(config) };
      await withFiles(files, async (directory) => {
        const tokenizer = await loadTokenizer(directory);
        const golden = cutHashes(hashes ?? ids ?? "");
        const ours = hashes !== undefined ? lineHashes(tokenizer, lines) : lines.map((line) => {
          const text = tokenizer.encode(line, { specialTokens: false }).join(" ");
          return createHash("sha256").update(text).digest("hex").slice(0, DIGITS);
        });
        const compared = golden.filter((hash) => !hash.startsWith(".")).length;
        const wrong = golden.flatMap((hash, at) =>
          hash.startsWith(".") || hash === ours[at] ? [] : [at]
        );
        const shown = wrong.slice(0, 3).map((at) => ({
          at,
          line: lines[at],
          parts: lineParts(tokenizer, lines[at]!),
        }));
        assert.ok(golden.length === lines.length && compared > 900, String(compared));
        assert.deepEqual(wrong, [], JSON.stringify(shown));
      });
    });
  }
}

const gpt2 = JSON.parse(await Deno.readTextFile(new URL("kinds/gpt2/tokenizer.json", here)));
const gpt2Files = {
  "vocab.json": JSON.stringify(gpt2.model.vocab),
  "merges.txt": "#version: 0.2\n" +
    gpt2.model.merges.map((pair: string[]) => pair.join(" ")).join("\n") + "\n",
  "added_tokens.json": JSON.stringify({ "<|endoftext|>": 900 }),
};

Deno.test("vocab.json and merges.txt are GPT-2's tokenizer", async () => {
  const cases: Case[] = JSON.parse(
    await Deno.readTextFile(new URL("kinds/gpt2/golden.json", here)),
  );
  const config = JSON.stringify({ tokenizer_class: "GPT2Tokenizer", eos_token: "<|endoftext|>" });
  for (const files of [gpt2Files, { ...gpt2Files, "tokenizer_config.json": config }]) {
    await withFiles(files, async (directory) => {
      const tokenizer = await loadTokenizer(directory);
      assert.deepEqual(lineHashes(tokenizer, lines), cutHashes(cases[0]!.hashes ?? ""));
    });
  }
});

Deno.test("add_bos_token and add_prefix_space of their config count", async () => {
  const config = { add_bos_token: true, bos_token: { content: "!" }, add_prefix_space: true };
  const files = { ...gpt2Files, "tokenizer_config.json": JSON.stringify(config) };
  await withFiles(files, async (directory) => {
    const tokenizer = await loadTokenizer(directory);
    const bare = tokenizer.encode("a", { specialTokens: false });
    assert.equal(tokenizer.decode(bare), " a");
    assert.deepEqual([...tokenizer.encode("a")], [gpt2.model.vocab["!"], ...bare]);
  });
});

Deno.test("vocab.json and merges.txt of Qwen2 cut its words and compose letters", async () => {
  const config = JSON.stringify({ tokenizer_class: "Qwen2TokenizerFast" });
  await withFiles({ ...gpt2Files, "tokenizer_config.json": config }, async (directory) => {
    const tokenizer = await loadTokenizer(directory);
    assert.equal(tokenizer.decode(tokenizer.encode("e\u0301")), "\u00e9");
    const apart = ["1", "2"].map((digit) => gpt2.model.vocab[digit]);
    assert.deepEqual([...tokenizer.encode("12")], apart);
  });
});

const refused: Readonly<Record<string, [Record<string, string>, RegExp]>> = {
  "a tiktoken vocabulary": [
    { "tokenizer.model": "IQ== 0\nIg== 1\n" },
    /tokenizer\.model .*tiktoken/,
  ],
  "an empty tokenizer.model": [{ "tokenizer.model": "" }, /it has no tokens/],
  "a tokenizer.model that is text": [
    { "tokenizer.model": "hello, this is no model" },
    /no SentencePiece/,
  ],
  "files of another class": [
    { ...gpt2Files, "tokenizer_config.json": '{"tokenizer_class":"CLIPTokenizer"}' },
    /vocab\.json .*CLIPTokenizer/,
  ],
  "merges of unknown tokens": [{ "vocab.json": '{"a":0}', "merges.txt": "a b" }, /lacks a token/],
  "merges that are no pairs": [{ "vocab.json": '{"a":0}', "merges.txt": "a b c" }, /not a pair/],
};
for (const [name, [files, words]] of Object.entries(refused)) {
  Deno.test(`refused in one line: ${name}`, async () => {
    await withFiles(files, async (directory) => {
      await assert.rejects(loadTokenizer(directory), (error: unknown) => {
        assert.ok(error instanceof SalientError && error.code === "input", String(error));
        assert.match(error.message, words);
        assert.ok(!error.message.includes("\n"));
        return true;
      });
    });
  });
}

Deno.test("a tokenizer.model that is cut short or changed never does more than fail", async () => {
  const model = await Deno.readFile(new URL("kinds/unigram-model/tokenizer.model", here));
  let refusals = 0;
  for (let round = 0; round < 60; round++) {
    const changed = round % 2 === 0
      ? model.slice(0, Math.floor(model.length * round / 60))
      : model.slice();
    if (round % 2 === 1) changed[(round * 7919) % changed.length]! ^= 1 << (round % 8);
    await withFiles({ "tokenizer.model": changed }, async (directory) => {
      try {
        (await loadTokenizer(directory)).encode("Größe ﬁ １２ \ud83d\ude00 end");
      } catch (error) {
        assert.ok(error instanceof SalientError && error.code === "input", String(error));
        refusals++;
      }
    });
  }
  assert.ok(refusals > 10, String(refusals));
});

Deno.test("a tokenizer.model becomes the tokenizer of a GGUF file", async () => {
  const directory = new URL("kinds/llama-model", here).pathname;
  const files = await readTokenizerFiles(directory);
  const tokenizer = await loadTokenizer(directory);
  const { values, warning } = tokenizerMetadata(files!, tokenizer.vocabSize);
  assert.equal(warning, undefined);
  const metadata = new Map(
    [...values].map(([key, { value }]): [string, ReadValue] => [
      key,
      ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value as ReadValue,
    ]),
  );
  const back = tokenizerFilesOf("m.gguf", metadata)!;
  await withFiles({ "tokenizer.json": JSON.stringify(back.definition) }, async (place) => {
    const again = await loadTokenizer(place);
    for (const line of lines) assert.deepEqual(again.encode(line), tokenizer.encode(line), line);
  });
});

Deno.test("a tokenizer.model that is a link out of the directory is refused", async () => {
  await withFiles({}, async (directory) => {
    const model = new URL("kinds/llama-model/tokenizer.model", here).pathname;
    await Deno.symlink(model, `${directory}/tokenizer.model`);
    await assert.rejects(loadTokenizer(directory), /is a link to .*, outside/);
  });
});
