/**
 * Pre-tokenizers of many kinds, against ids made by the Rust library.
 *
 * @module
 */

import assert from "node:assert/strict";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";

interface Variants {
  texts: string[];
  models: {
    definition: string;
    cases: { name: string; preTokenizer: string; ids: string[] }[];
  }[];
}

const variants: Variants = JSON.parse(
  await Deno.readTextFile(new URL("variants.json", import.meta.url)),
);

for (const { definition, cases } of variants.models) {
  for (const { name, preTokenizer, ids } of cases) {
    Deno.test(`words are cut as the Rust library cuts them: ${name}`, async () => {
      const directory = await Deno.makeTempDir();
      try {
        const pre_tokenizer = JSON.parse(preTokenizer);
        const text = JSON.stringify({ ...JSON.parse(definition), pre_tokenizer });
        await Deno.writeTextFile(`${directory}/tokenizer.json`, text);
        const tokenizer = await loadTokenizer(directory);
        assert.equal(ids.length, variants.texts.length);
        variants.texts.forEach((text, index) => {
          assert.equal(tokenizer.encode(text).join(" "), ids[index], JSON.stringify(text));
        });
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    });
  }
}

Deno.test("text of a tokenizer that puts no space in front keeps its first space", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "never", split: true };
    const model = { type: "BPE", vocab: { "▁": 0, a: 1, "▁a": 2 }, merges: [["▁", "a"]] };
    for (const decoder of [metaspace, { type: "Sequence", decoders: [metaspace] }]) {
      const text = JSON.stringify({ model, pre_tokenizer: metaspace, decoder });
      await Deno.writeTextFile(`${directory}/tokenizer.json`, text);
      const tokenizer = await loadTokenizer(directory);
      for (const text of [" a", "a a", " "]) {
        assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
      }
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
