/**
 * Reading a prompt and continuing it: the embedded model, and two blocks of the shape of Llama-3.2-1B with a small
 * vocabulary, plain (bf16) and with 4-bit weights.
 *
 * @module
 */

import { generate, type Model, openBackend, openModel, quantizeInMemory, rtn } from "../mod.ts";
import { seededIds } from "./seeded.ts";
import { SHAPES } from "./shaped_model.ts";
import { idsAsTokenizer, writeShapedModel } from "./write_shaped_model.ts";

const shape = { ...SHAPES["1b"], blocks: 2, vocabulary: 2048 };
const backend = await openBackend("auto");
const resources = new DisposableStack();
globalThis.addEventListener("unload", () => resources.dispose());

let seeded: Promise<{ plain: Model; int4: Model }> | undefined;

/** Both forms of the seeded model, made once. */
function seededModels(): Promise<{ plain: Model; int4: Model }> {
  seeded ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "salient-bench-" });
    resources.defer(() => Deno.removeSync(folder, { recursive: true }));
    await writeShapedModel(`${folder}/model`, shape);
    const plain = resources.use(await openModel(`${folder}/model`, backend));
    const plugins = [rtn({ bits: 4, groupSize: 128 })];
    const { model } = await quantizeInMemory({ model: plain, backend, plugins });
    return { plain, int4: resources.use(model) };
  })();
  return seeded;
}

let small: Promise<Model> | undefined;

/** The repository's own model. */
function embedded(): Promise<Model> {
  small ??= (async () => {
    const directory = new URL("../models/salient-tiny", import.meta.url).pathname;
    return resources.use(await openModel(directory, backend));
  })();
  return small;
}

const MODELS: readonly [string, () => Promise<Model>][] = [
  ["embedded model, bf16", embedded],
  ["1B-shaped blocks, bf16", async () => (await seededModels()).plain],
  ["1B-shaped blocks, int4", async () => (await seededModels()).int4],
];
for (const [prompt, tokens] of [[256, 1], [8, 33]] as const) {
  for (const [name, open] of MODELS) {
    const what = tokens === 1 ? `prompt of ${prompt}` : `${tokens} tokens one by one`;
    Deno.bench({
      group: what,
      name: `${what}, ${name}`,
      baseline: name === "1B-shaped blocks, bf16",
      n: 3,
      warmup: 1,
      async fn(b) {
        const model = await open();
        const ids = seededIds(prompt, 9, 2048);
        const { eosIds, vocabSize } = model.config;
        const tokenizer = idsAsTokenizer(ids.map((id) => eosIds.includes(id) ? 5 : id), vocabSize);
        b.start();
        await generate(model, tokenizer, "", { maxTokens: tokens });
        b.end();
      },
    });
  }
}
