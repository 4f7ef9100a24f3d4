/**
 * Makes a mixture of experts of a small dense Llama by sparse upcycling (Komatsuzaki et al., 2023): every expert is the model's
 * MLP with some noise of its own behind a random router, so that the result still speaks, and perplexity says something.
 *
 *     deno run --allow-read --allow-write --allow-ffi tools/upcycle_experts.ts OUT [EXPERTS [COLD [NOISE]]]
 *
 * @module
 */

import {
  type Backend,
  createCheckpointWriter,
  loadCalibration,
  loadTokenizer,
  type Model,
  openBackend,
  openModel,
} from "../mod.ts";
import { normalNumbers } from "../core/random.ts";

/** What {@linkcode upcycle} takes. */
export interface UpcycleOptions {
  /** Directory of the dense model. Default `models/salient-tiny`. */
  readonly model?: string;
  /** Directory to write. */
  readonly out: string;
  /** Experts of a block; two of them serve a token. Default 4. */
  readonly experts?: number;
  /** How many of them are sent (next to) no tokens: their row of the router points away from the mean input. Default 0. */
  readonly cold?: number;
  /** Standard deviation of an expert's noise over that of the weights. Default 0.1. */
  readonly noise?: number;
  /** Standard deviation of the router's logits, about. Default 1. */
  readonly spread?: number;
}

/** Writes a Mixtral made of a dense Llama. */
export async function upcycle(backend: Backend, options: UpcycleOptions): Promise<void> {
  const { model: source = "models/salient-tiny", out, experts = 4, noise = 0.1 } = options;
  using model = await openModel(source, backend);
  const { checkpoint } = model;
  await using writer = await createCheckpointWriter(out);
  const add = async (name: string, values: Float32Array, shape: readonly number[]) => {
    using wide = backend.upload(values, "F32", shape);
    using stored = await backend.cast(wide, "BF16");
    await writer.add(name, "BF16", shape, backend.downloadBytes(stored));
  };
  const means = await meanInputs(model, source);
  for (const [name, { shape }] of checkpoint.entries) {
    using tensor = checkpoint.tensor(name);
    const values = backend.download(tensor);
    const found = /^(.*\.)mlp\.(gate|up|down)_proj(\.weight)$/.exec(name);
    if (found === null) {
      await add(name, values, shape);
      continue;
    }
    const [, block, role = ""] = found;
    const inside = { gate: "w1", up: "w3", down: "w2" }[role];
    const sigma = noise * Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    for (let expert = 0; expert < experts; expert++) {
      const path = `${block}block_sparse_moe.experts.${expert}.${inside}.weight`;
      const own = normalNumbers(path, values.length);
      await add(path, values.map((value, i) => value + sigma * (own[i] ?? 0)), shape);
    }
  }
  for (const [index, mean] of means.entries()) {
    const name = `model.layers.${index}.block_sparse_moe.gate.weight`;
    await add(name, routerRows(name, mean, options), [experts, mean.length]);
  }
  await writer.json("config.json", {
    ...model.rawConfig,
    architectures: ["MixtralForCausalLM"],
    model_type: "mixtral",
    num_local_experts: experts,
    num_experts_per_tok: 2,
    sliding_window: null,
  });
  for (const file of ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]) {
    await writer.json(file, JSON.parse(await Deno.readTextFile(`${source}/${file}`)));
  }
  await writer.commit();
}

/** [experts, H]: random rows whose logits vary by about `spread`, without their mean; cold ones point away from the mean input. */
function routerRows(
  name: string,
  mean: Float64Array,
  { experts = 4, cold = 0, spread = 1 }: UpcycleOptions,
): Float32Array {
  const width = mean.length;
  const random = normalNumbers(name, experts * width);
  const square = mean.reduce((sum, v) => sum + v * v, 0);
  const rows = new Float32Array(experts * width);
  for (let expert = 0; expert < experts; expert++) {
    const row = random.subarray(expert * width, (expert + 1) * width);
    const along = row.reduce((sum, v, k) => sum + v * (mean[k] ?? 0), 0) / square;
    const wanted = expert >= experts - cold ? -20 : 0; // the mean logit
    for (let k = 0; k < width; k++) {
      const centred = (row[k] ?? 0) - along * (mean[k] ?? 0);
      rows[expert * width + k] = spread * centred / Math.sqrt(width) +
        wanted * (mean[k] ?? 0) / square;
    }
  }
  return rows;
}

/** For each block the mean input of its MLP, on some text. */
async function meanInputs(model: Model, source: string): Promise<Float64Array[]> {
  const tokenizer = await loadTokenizer(source);
  const set = await loadCalibration({ source: "default", tokenizer, samples: 8, seqLen: 128 });
  const means: Float64Array[] = [];
  let hidden = await model.embed(set.ids, { sequences: set.samples });
  for (let index = 0; index < model.config.blocks; index++) {
    using block = await model.loadBlock(index);
    using input = hidden;
    const mean = new Float64Array(model.config.hiddenSize);
    hidden = await block.run(input, {
      sequences: set.samples,
      observe: (site, x) => {
        if (site !== "mlp") return Promise.resolve();
        const values = model.backend.download(x);
        values.forEach((v, i) => mean[i % mean.length]! += v / (values.length / mean.length));
        return Promise.resolve();
      },
    });
    means.push(mean);
  }
  hidden[Symbol.dispose]();
  return means;
}

if (import.meta.main) {
  const [out = "out/upcycled", experts = "4", cold = "0", noise = "0.1"] = Deno.args;
  using backend = await openBackend("auto");
  await upcycle(backend, {
    out,
    experts: Number(experts),
    cold: Number(cold),
    noise: Number(noise),
  });
}
