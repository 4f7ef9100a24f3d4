import assert from "node:assert/strict";
import { convertModel, loadTokenizer, openBackend } from "../mod.ts";
import { preTokenizerOf } from "../core/gguf/pre_tokenizer_name.ts";
import { readGguf } from "../core/gguf/read_gguf.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { clientModels } from "./client_models.ts";
import { clientTest, missingPeer, runPeer } from "./run_child.ts";

const NAMES = ["gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "tekken", "falcon", "gpt-4o"];
const TEXTS = [
  "don't DON'T we'Re I'LL 1234567 12 3 x1y22z333",
  "price: $12.50+3<4>=5^6~7|8`9 -- (a) [b]{c} «d» …e — ¿f? 50% #1 @x *y* a_b/c\\d",
  "HelloWorld helloWORLD ÄÖÜäöü Größe naïve Привет МИР 日本語テキスト 한국어 ไทย 🙂🙂 e\u0301",
  "  two   three    four \t tab\n\nline\r\n  indent\n   \n  end  ",
  "http://example.com/path/to?x=1&y=2 //comment /* x */ !!!\n???/\n",
  "١٢٣٤ ½ ² Ⅷ 12３４ no-break\u00a0space\u3000wide",
];

/** Falcon's own cuts numbers after a space and some other scripts otherwise, of which Salient warns. */
const FALCON = [
  "don't DON'T we'Re I'LL x1y22z333-4567,89.1234",
  "price: $.50+<>=^~|` -- (a) [b]{c} …e ¿f? %,#@x *y* a_b/c\\d HelloWorld helloWORLD",
  "  two   three    four \t tab\n\nline\r\n  indent\n   \n  end  ",
];

const [model] = clientModels();
for (const name of model === undefined ? [] : NAMES) {
  clientTest(`llama.cpp cuts words as ${name} does`, missingPeer("node-llama-cpp"), async () => {
    await using folder = await temporaryDirectory();
    // The embedded model's tokens, cut in this way.
    const [directory, file] = [`${folder.path}/model`, `${folder.path}/m.gguf`];
    await Deno.mkdir(directory);
    for (const { name: each } of Deno.readDirSync(model!.directory)) {
      await Deno.copyFile(`${model!.directory}/${each}`, `${directory}/${each}`);
    }
    const path = `${directory}/tokenizer.json`;
    const definition = JSON.parse(await Deno.readTextFile(path));
    const way = preTokenizerOf(name)!;
    definition.pre_tokenizer = way.preTokenizer;
    definition.normalizer = null;
    definition.model.ignore_merges = way.ignoreMerges;
    await Deno.writeTextFile(path, JSON.stringify(definition));
    using backend = await openBackend("auto");
    await convertModel({ model: directory, backend, format: "gguf", out: file });
    assert.equal((await readGguf(file)).metadata.get("tokenizer.ggml.pre"), name);
    const texts = name === "falcon" ? FALCON : [...TEXTS, ...model!.texts];
    const request = { file, texts, prompt: [1, 2, 3], tokens: 1, windows: [] };
    const answer = await runPeer<{ texts: readonly (readonly number[])[] }>(
      "tests_clients/children/llama.ts",
      request,
    );
    for (const tokenizer of [await loadTokenizer(directory), await loadTokenizer(file)]) {
      for (const [i, text] of texts.entries()) {
        const own = tokenizer.encode(text, { specialTokens: false });
        assert.deepEqual(answer.texts[i], [...own], text.slice(0, 60));
      }
    }
  });
}
