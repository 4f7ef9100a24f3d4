/**
 * A thousand lines under small tokenizers of known kinds, against what the Rust library makes of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { cutHashes, lineHashes, lineParts } from "./line_hashes.ts";

interface Case {
  readonly name: string;
  readonly patch: { readonly model?: object };
  readonly hashes: string;
}

const here = new URL(".", import.meta.url);
const lines: string[] = JSON.parse(await Deno.readTextFile(new URL("lines.json", here)));

for (const kind of ["llama2", "llama3", "qwen", "gpt2", "gemma", "deepseek", "t5"]) {
  const folder = new URL(`kinds/${kind}/`, here);
  const definition = JSON.parse(await Deno.readTextFile(new URL("tokenizer.json", folder)));
  const cases: Case[] = JSON.parse(await Deno.readTextFile(new URL("golden.json", folder)));
  for (const { name, patch, hashes } of cases) {
    Deno.test(`a thousand lines are as the Rust library has them: ${kind}, ${name}`, async () => {
      const directory = await Deno.makeTempDir();
      try {
        const model = { ...definition.model, ...patch.model };
        const text = JSON.stringify({ ...definition, ...patch, model });
        await Deno.writeTextFile(`${directory}/tokenizer.json`, text);
        const tokenizer = await loadTokenizer(directory);
        const golden = cutHashes(hashes);
        const wrong = lineHashes(tokenizer, lines).flatMap((hash, at) =>
          hash === golden[at] ? [] : [at]
        );
        const shown = wrong.slice(0, 3).map((at) => ({
          at,
          parts: lineParts(tokenizer, lines[at]!),
        }));
        assert.equal(golden.length, lines.length);
        assert.deepEqual(wrong, [], JSON.stringify(shown));
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    });
  }
}
