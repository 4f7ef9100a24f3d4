/**
 * Text of ids that come one at a time.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { TextStream } from "../../../core/tokenizer/text_stream.ts";

const model = new URL("../../../models/salient-tiny", import.meta.url).pathname;

Deno.test("the pieces joined are the text, whatever the text", async () => {
  const tokenizer = await loadTokenizer(model);
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
    const stream = new TextStream(tokenizer);
    const pieces = Array.from(tokenizer.encode(text), (id) => stream.push(id));
    assert.equal(pieces.join("") + stream.end(), text);
    assert.equal(stream.end(), "");
  }));
});

Deno.test("the pieces joined are the decoded ids, whatever the ids", async () => {
  const tokenizer = await loadTokenizer(model);
  const ids = fc.array(fc.integer({ min: 0, max: 2047 }), { maxLength: 30 });
  fc.assert(fc.property(ids, (ids) => {
    const stream = new TextStream(tokenizer);
    const pieces = ids.map((id) => stream.push(id));
    assert.equal(pieces.join("") + stream.end(), tokenizer.decode(ids));
  }));
});

Deno.test("a character waits until its last byte is there", async () => {
  const tokenizer = await loadTokenizer(model);
  const stream = new TextStream(tokenizer);
  const ids = tokenizer.encode("😀");
  assert.ok(ids.length > 1);
  const pieces = Array.from(ids, (id) => stream.push(id));
  assert.equal(pieces.at(-1), "😀");
  assert.equal(pieces.slice(0, -1).join(""), "");
});

Deno.test("what follows a prompt keeps its space, and the prompt is not given again", async () => {
  // A decoder that drops the space at the start of a text, as SentencePiece's does.
  const directory = await Deno.makeTempDir();
  try {
    const definition = {
      model: {
        type: "BPE",
        vocab: { "▁": 0, a: 1, b: 2, "▁a": 3, "▁b": 4 },
        merges: ["▁ a", "▁ b"],
      },
      pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
      decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    };
    await Deno.writeTextFile(`${directory}/tokenizer.json`, JSON.stringify(definition));
    const tokenizer = await loadTokenizer(directory);
    const prompt = tokenizer.encode("a");
    assert.deepEqual([...prompt], [3]);
    const stream = new TextStream(tokenizer, prompt);
    assert.equal(stream.push(4), " b");
    assert.equal(stream.push(1), "a");
    assert.equal(new TextStream(tokenizer).push(4), "b");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
