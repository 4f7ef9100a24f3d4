/**
 * The experiments that AWQ starts from, on any model.
 *
 * @module
 */

import type { CalibrationSet } from "../calibration/types.ts";
import { perplexity } from "../eval/perplexity.ts";
import type { GridOptions } from "../grid_helpers.ts";
import type { Model } from "../model/model.ts";
import { seededRandom } from "../random.ts";
import {
  type ChannelChoice,
  channelCount,
  columnNorms,
  largestChannels,
  randomChannels,
} from "./channel_choice.ts";
import { inputMagnitudes } from "./input_magnitudes.ts";
import { RoundedModels, type StepGrowth } from "./rounded_models.ts";

/** What {@linkcode studySalience} takes. */
export interface SalienceStudyOptions {
  /** The open model; it must be plain. */
  readonly model: Model;
  /** The windows that tell which channels have large activations. */
  readonly calibration: CalibrationSet;
  /** The text that perplexity is measured on, tokenized once as a whole. */
  readonly ids: Int32Array;
  /** Tokens of its windows. */
  readonly seqLen: number;
  /** The grid that weights are rounded to. Default: 3 bits in groups of 128, asymmetric. */
  readonly grid?: GridOptions;
  /** Shares of the input channels that stay as they are. Default 0.001, 0.01 and 0.03. */
  readonly shares?: readonly number[];
  /** What the salient channels are multiplied by. Default 1, 1.25, 1.5, 2 and 4. */
  readonly factors?: readonly number[];
  /** Share of the input channels that is multiplied. Default 0.01. */
  readonly scaledShare?: number;
  /** How often channels are drawn by chance. Default 3. */
  readonly draws?: number;
  /** Seed of the draws. Default 0. */
  readonly seed?: number;
  /** Ends the work. */
  readonly signal?: AbortSignal | undefined;
  /** Is told of every perplexity. */
  readonly onMeasured?: (measured: SalienceProgress) => void;
}

/** One measured perplexity. */
export interface SalienceProgress {
  /** What was measured, for people. */
  readonly what: string;
  /** Its perplexity. */
  readonly perplexity: number;
  /** Measurements done. */
  readonly done: number;
  /** Measurements in all. */
  readonly total: number;
}

/** Perplexity with some channels kept as they were. */
export interface KeptChannels {
  /** What the channels were chosen by. */
  readonly choice: ChannelChoice;
  /** The share asked for. */
  readonly share: number;
  /** The share that it is, since every linear keeps a whole number of channels and at least one. */
  readonly kept: number;
  /** The perplexity; the mean over the draws where they were chosen by chance. */
  readonly perplexity: number;
  /** Lowest and highest perplexity of the draws; the same number twice where there was one. */
  readonly range: readonly [number, number];
}

/** What multiplying the salient channels does. */
export interface ScaledChannels extends StepGrowth {
  /** What they are multiplied by before rounding, and divided by after it. */
  readonly factor: number;
  /** The perplexity. */
  readonly perplexity: number;
}

/** What the study found. */
export interface SalienceStudy {
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale; -1 for the whole row. */
  readonly groupSize: number;
  /** Whether the zero point is fixed. */
  readonly symmetric: boolean;
  /** Tokens of the measured text that its windows cover. */
  readonly tokens: number;
  /** Tokens of a window. */
  readonly seqLen: number;
  /** Perplexity of the model as it is. */
  readonly original: number;
  /** Perplexity of the model with every linear rounded to nearest. */
  readonly rounded: number;
  /** AWQ's Table 1: channels kept. */
  readonly kept: readonly KeptChannels[];
  /** AWQ's Table 2: the channels of largest activation multiplied. */
  readonly scaled: readonly ScaledChannels[];
  /** The share asked for in `scaled`. */
  readonly scaledShare: number;
}

/** Weights in fp32 up to this many bytes stay in memory between windows. */
const KEPT_BYTES = 2 ** 30;
const CHOICES: readonly ChannelChoice[] = ["activation", "weight", "random"];

/**
 * Reproduces Tables 1 and 2 of the AWQ paper (Lin et al. 2024, section 3): every linear of the blocks is
 * rounded to nearest, and a few of its input channels are either kept in the checkpoint's own type, chosen by
 * mean |x|, by the L2 norm of their weights or by chance; or multiplied by a factor before rounding and
 * divided by it after. A group's scale is fitted to all of its weights, kept ones included, as in the paper.
 * One block at a time is read and rounded, so that memory does not grow with the model where it is large.
 *
 * @throws {SalientError} `input` where the model is quantized, the group size does not divide a linear's
 * inputs or the text is too short.
 *
 * @example Two shares on a little text
 * ```ts
 * import { loadCalibration, loadTokenizer, openBackend, openModel, studySalience } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = await openBackend("auto");
 * using model = await openModel("models/salient-tiny", backend);
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const calibration = await loadCalibration({ source: "default", tokenizer, samples: 4, seqLen: 64 });
 * const ids = tokenizer.encode("The people of the United States expect peace. ".repeat(20));
 * const study = await studySalience({
 *   model,
 *   calibration,
 *   ids,
 *   seqLen: 64,
 *   shares: [0.01],
 *   factors: [2],
 *   draws: 1,
 * });
 * assert.ok(study.rounded > study.original);
 * ```
 */
export async function studySalience(options: SalienceStudyOptions): Promise<SalienceStudy> {
  const { model, signal, shares = [0.001, 0.01, 0.03], factors = [1, 1.25, 1.5, 2, 4] } = options;
  const { scaledShare = 0.01, draws = 3, seed = 0 } = options;
  const grid: GridOptions = { bits: 3, ...options.grid };
  const models = new RoundedModels(model, grid);
  const magnitudes = await inputMagnitudes(options);
  const norms = await weightNorms(model, signal);
  const meter = new Meter(options, 1 + shares.length * (2 + draws) + factors.length);

  const original = await meter.measure("as it is", model);
  const rounded = await meter.measure("all rounded", models.plain());

  const kept: KeptChannels[] = [];
  for (const share of shares) {
    for (const choice of CHOICES) {
      const found: number[] = [];
      for (let draw = 0; draw < (choice === "random" ? draws : 1); draw++) {
        const chosen = chooseChannels(model, share, (name, inputs, count) => {
          if (choice === "activation") return largestChannels(magnitudes.get(name) ?? [], count);
          if (choice === "weight") return largestChannels(norms.get(name) ?? [], count);
          return randomChannels(inputs, count, seededRandom(`${seed}/${draw}/${share}/${name}`));
        });
        const what = `${100 * share} % kept by ${choice}`;
        found.push(await meter.measure(what, models.keeping(chosen)));
      }
      kept.push({
        choice,
        share,
        kept: keptShare(model, share),
        perplexity: found.reduce((sum, value) => sum + value, 0) / found.length,
        range: [Math.min(...found), Math.max(...found)],
      });
    }
  }

  const salient = chooseChannels(model, scaledShare, (name, _, count) => {
    return largestChannels(magnitudes.get(name) ?? [], count);
  });
  const scaled: ScaledChannels[] = [];
  for (const factor of factors) {
    const growth = await models.growth(salient, factor, signal);
    const found = factor === 1
      ? rounded
      : await meter.measure(`salient times ${factor}`, models.scaling(salient, factor));
    scaled.push({ factor, ...growth, perplexity: found });
  }
  const { bits = 4, groupSize = 128, symmetric = false } = grid;
  return {
    ...{ bits, groupSize, symmetric, tokens: meter.tokens, seqLen: options.seqLen },
    ...{ original, rounded, kept, scaled, scaledShare },
  };
}

/** Measures perplexity and tells of it. */
class Meter {
  /** Tokens that the windows cover. */
  tokens = 0;
  readonly #options: SalienceStudyOptions;
  readonly #total: number;
  #done = 0;

  constructor(options: SalienceStudyOptions, total: number) {
    this.#options = options;
    this.#total = total;
  }

  async measure(what: string, model: Model): Promise<number> {
    const { ids, seqLen, signal, onMeasured } = this.#options;
    const weights = model.linears.reduce((sum, { shape: [n, k] }) => sum + n * k, 0);
    const found = await perplexity(model, ids, {
      seqLen,
      keepBlocks: 4 * weights <= KEPT_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });
    this.tokens = found.tokens;
    onMeasured?.({ what, perplexity: found.perplexity, done: ++this.#done, total: this.#total });
    return found.perplexity;
  }
}

/** Channels of every linear: `choose` gets its name, its inputs and how many of them to take. */
function chooseChannels(
  model: Model,
  share: number,
  choose: (name: string, inputs: number, count: number) => Uint32Array,
): Map<string, Uint32Array> {
  return new Map(model.linears.map(({ name, shape: [, inputs] }) => {
    return [name, choose(name, inputs, channelCount(inputs, share))];
  }));
}

/** Share of all weights that lie in the kept channels. */
function keptShare({ linears }: Model, share: number): number {
  const all = linears.reduce((sum, { shape: [n, k] }) => sum + n * k, 0);
  const kept = linears.reduce((sum, { shape: [n, k] }) => sum + n * channelCount(k, share), 0);
  return kept / all;
}

/** L2 norm of every input channel's weights, by the linear's name. */
async function weightNorms(
  model: Model,
  signal: AbortSignal | undefined,
): Promise<Map<string, Float64Array>> {
  const norms = new Map<string, Float64Array>();
  for (let index = 0; index < model.config.blocks; index++) {
    signal?.throwIfAborted();
    using block = await model.loadBlock(index);
    for (const { info, weight } of block.linears.values()) {
      if ("packed" in weight) continue; // refused where it is rounded
      norms.set(info.name, columnNorms(model.backend.download(weight), info.shape[1]));
    }
    model.releaseBlock(index);
  }
  return norms;
}
