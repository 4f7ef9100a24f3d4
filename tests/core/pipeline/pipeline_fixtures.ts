/**
 * What the tests of the pipeline share.
 *
 * @module
 */

import type { Backend } from "../../../core/backend.ts";
import type { CalibrationSet } from "../../../core/calibration/types.ts";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import type { Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import type { GridOptions, Observation, Plugin } from "../../../core/plugin.ts";
import { seededRandom } from "../../../core/random.ts";
import { TINY_LLAMA, type TinyModelOptions, writeTinyModel } from "../../tiny_model.ts";

/** Grouped-query attention without biases. */
export const GROUPED: JsonObject = TINY_LLAMA;
/** As many key and value heads as query heads, with every bias there is. */
export const BIASED: JsonObject = {
  ...TINY_LLAMA,
  num_key_value_heads: 4,
  attention_bias: true,
  mlp_bias: true,
};
/** Biases on q, k and v, grouped-query attention. */
export const QWEN2: JsonObject = {
  ...TINY_LLAMA,
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
};
/** Norms on q and k, heads wider than hidden / heads. */
export const QWEN3: JsonObject = {
  ...TINY_LLAMA,
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  head_dim: 16,
};

/** A temporary folder with a tiny model and room for results; removed when disposed. */
export class Workshop implements AsyncDisposable {
  /** The folder. */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes the folder and writes the model into it. */
  static async create(config: JsonObject, options: TinyModelOptions = {}): Promise<Workshop> {
    const workshop = new Workshop(await Deno.makeTempDir());
    await Deno.mkdir(workshop.model);
    await writeTinyModel(workshop.model, config, options);
    return workshop;
  }

  /** Directory of the model. */
  get model(): string {
    return `${this.folder}/model`;
  }

  /** A directory that does not exist yet. */
  get out(): string {
    return `${this.folder}/out`;
  }

  /** Opens the model. */
  open(backend: Backend): Promise<Model> {
    return openModel(this.model, backend);
  }

  /** Names in the folder, sorted. */
  names(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Seeded ids in windows. */
export function tinyCalibration(samples = 5, seqLen = 12, vocabulary = 64): CalibrationSet {
  const random = seededRandom("calibration");
  const ids = Int32Array.from(
    { length: samples * seqLen },
    () => Math.floor(random() * vocabulary),
  );
  return { ids, samples, seqLen, tokens: ids.length, source: "seeded", documents: samples };
}

/** Rounds to nearest. */
export function nearest(options: GridOptions = {}, more: Partial<Plugin> = {}): Plugin {
  const grid = { bits: 4, groupSize: 16, ...options };
  return {
    name: "nearest",
    apiVersion: 1,
    setup(ctx) {
      for (const linear of ctx.model.linears) ctx.grid.resolve(grid, linear);
    },
    async quantizeLinear(linear, ctx) {
      const { weight } = linear;
      return { weight: await ctx.ops.quantize(weight, ctx.grid.resolve(grid, linear)) };
    },
    ...more,
  };
}

/** Rounds to nearest after folding seeded factors from 1/4 to 4 into every scale set. */
export function folding(observation: Observation | undefined, exponent = 2): Plugin {
  return nearest({}, {
    name: "folding",
    ...(observation === undefined ? {} : { observe: () => observation }),
    async transformBlock(block, ctx) {
      for (const set of block.scaleSets) {
        const free = Float32Array.from(
          { length: set.freeChannels },
          () => 2 ** (exponent * (2 * ctx.random() - 1)),
        );
        await block.foldScales(set, Float32Array.from(set.channelOf, (k) => free[k] ?? 1));
      }
    },
  });
}

/** Logits of a sequence, block by block. */
export async function logitsOf(model: Model, ids: Int32Array): Promise<Float32Array> {
  let hidden = await model.embed(ids);
  for (let index = 0; index < model.config.blocks; index++) {
    using block = await model.loadBlock(index);
    using input = hidden;
    hidden = await block.run(input, { sequences: 1 });
  }
  using last = hidden;
  using logits = await model.logits(last);
  return model.backend.download(logits);
}

/** Largest difference relative to the largest value. */
export function relativeDifference(a: Float32Array, b: Float32Array): number {
  let [difference, largest] = [0, 0];
  for (const [i, value] of a.entries()) {
    difference = Math.max(difference, Math.abs(value - (b[i] ?? NaN)));
    largest = Math.max(largest, Math.abs(value));
    if (Number.isNaN(difference)) return Infinity;
  }
  return difference / largest;
}
