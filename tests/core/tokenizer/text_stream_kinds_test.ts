/**
 * Text of ids that come one at a time, under every kind of tokenizer.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { TextStream } from "../../../core/tokenizer/text_stream.ts";

const here = new URL(".", import.meta.url);
const lines: string[] = JSON.parse(await Deno.readTextFile(new URL("lines.json", here)));
const kinds = ["llama2", "llama3", "qwen", "gpt2", "gemma", "deepseek", "t5", "unigram-model"];
/** Those that write unknown characters as bytes. */
const bytes = new Set(["llama2", "gemma", "unigram-model"]);

for (const kind of kinds) {
  const directory = new URL(`kinds/${kind}`, here).pathname;

  Deno.test(`the pieces joined are the text of the ids, line by line: ${kind}`, async () => {
    const tokenizer = await loadTokenizer(directory);
    for (const line of lines.filter(({ length }) => length < 200)) {
      const ids = tokenizer.encode(line);
      const stream = new TextStream(tokenizer);
      const pieces = Array.from(ids, (id) => stream.push(id));
      assert.equal(pieces.join("") + stream.end(), tokenizer.decode(ids), JSON.stringify(line));
    }
  });

  Deno.test(`the pieces joined are the text of any ids: ${kind}`, async () => {
    const tokenizer = await loadTokenizer(directory);
    const ids = fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 40 });
    fc.assert(
      fc.property(ids, (ids) => {
        const stream = new TextStream(tokenizer);
        const text = ids.map((id) => stream.push(id)).join("") + stream.end();
        const whole = tokenizer.decode(ids);
        // Bytes in a row that are no text take the characters before them along, if those are not out yet.
        if (!whole.includes("\uFFFD") || !bytes.has(kind)) assert.equal(text, whole);
      }),
      { numRuns: 300 },
    );
  });

  Deno.test(`no piece ends within a character that the ids complete: ${kind}`, async () => {
    const tokenizer = await loadTokenizer(directory);
    const stream = new TextStream(tokenizer);
    const text = "x \u{1F469}\u{1F3FF}\u200D\u{1F4BB} \u{12034}\u4E2D\u0E01 y";
    for (const id of tokenizer.encode(text, { specialTokens: false })) {
      const piece = stream.push(id);
      assert.ok(piece.isWellFormed() && !piece.includes("\uFFFD"), JSON.stringify(piece));
    }
  });
}

Deno.test("bytes that never become a character do not wait for ever", async () => {
  const tokenizer = await loadTokenizer(new URL("kinds/llama2", here).pathname);
  const stream = new TextStream(tokenizer);
  const [, , , id] = tokenizer.encode("\u{12034}", { specialTokens: false });
  const pieces = Array.from({ length: 1000 }, () => stream.push(id!));
  assert.ok(pieces.join("").length > 900);
});
