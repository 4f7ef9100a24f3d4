import assert from "node:assert/strict";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { testBackends } from "../../../tests/test_backends.ts";

const SHARED = new URL("../../../../shared/", import.meta.url);

/** Figures of shared/README.md, by transformers in fp32. */
const FIGURES = [
  { model: "TinyStories-656K", text: "tinystories-test", windows: 71, perplexity: 35.9545 },
  { model: "salient-tiny", text: "sotu-test", windows: 378, perplexity: 23.1847 },
];

function exists(url: URL): boolean {
  try {
    return Deno.statSync(url).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

for (const figure of FIGURES) {
  const directory = new URL(`models/${figure.model}/`, SHARED);
  // The reference backend would take minutes.
  const cpu = testBackends().find(({ name }) => name === "cpu");
  Deno.test({
    name: `perplexity() of ${figure.model} is the one that transformers gives`,
    ignore: cpu === undefined || !exists(directory),
    async fn() {
      using backend = await cpu!.create();
      using model = await openModel(directory.pathname, backend);
      const tokenizer = await loadTokenizer(directory.pathname);
      const text = await Deno.readTextFile(new URL(`text/${figure.text}.txt`, SHARED));
      const result = await perplexity(model, tokenizer.encode(text), { seqLen: 256 });
      assert.equal(result.windows, figure.windows);
      const error = Math.abs(result.perplexity / figure.perplexity - 1);
      assert.ok(error < 1e-3, `${result.perplexity} against ${figure.perplexity}`);
    },
  });
}
