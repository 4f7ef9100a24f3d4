/**
 * Fuzzes descriptions of families that a user gives.
 *
 * @module
 */

import type { LlamaLike } from "../../../core/model/families/llama_like_description.ts";
import { loadFamily } from "../../../core/model/families/load_family.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";
import { type Files, filesOf, type FuzzReader } from "../fuzz_reader.ts";

/** The least there is, and one that says much of what may be said. */
const FAMILIES: readonly LlamaLike[] = [
  { name: "mine", architectures: ["MineForCausalLM"] },
  {
    name: "mine",
    architectures: ["MineForCausalLM"],
    defaults: { rope_theta: 500, rms_norm_eps: 1e-6 },
    keys: { hiddenSize: "width" },
    only: { hidden_act: ["silu"] },
    names: { embedding: "embed_tokens", finalNorm: "norm" },
    biases: { q: "qkv_bias" },
    order: "sequential",
    embeddingScale: 2,
  },
];

/** A family file and a model that it describes. */
export const familyFileReader: FuzzReader = {
  name: "family-file",
  async corpus(folder) {
    const corpus: Files[] = [];
    await writeTinyModel(folder, TINY_LLAMA);
    const config = { ...TINY_LLAMA, architectures: ["MineForCausalLM"], width: 32 };
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
    for (const family of FAMILIES) {
      await Deno.writeTextFile(`${folder}/family.json`, JSON.stringify(family));
      corpus.push(await filesOf(folder));
    }
    return corpus;
  },
  async read(directory, backend) {
    const family = await loadFamily(`${directory}/family.json`);
    using model = await openModel(directory, backend, { family });
    using hidden = await model.embed(Int32Array.of(1, 2));
    using block = await model.loadBlock(0);
    using output = await block.run(hidden, { sequences: 1 });
    using _logits = await model.logits(output);
  },
};
