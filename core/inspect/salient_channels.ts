/**
 * Names the salient channels of a model.
 *
 * @module
 */

import type { LinearInfo } from "../plugin.ts";
import { channelCount, largestChannels } from "./channel_choice.ts";
import { inputMagnitudes, type InputMagnitudesOptions } from "./input_magnitudes.ts";

/** An input channel that is larger than the others. */
export interface SalientChannel {
  /** Its index among the linear's inputs. */
  readonly index: number;
  /** Mean |x| over the calibration tokens. */
  readonly magnitude: number;
  /** That over the median of the linear's channels; null where the median is 0. */
  readonly ratio: number | null;
}

/** The salient channels of one linear. */
export interface LinearSalience {
  /** Full name without `.weight`. */
  readonly name: string;
  /** Input channels. */
  readonly inputs: number;
  /** Median over the channels of the mean |x|. */
  readonly median: number;
  /** The salient ones, largest first. */
  readonly channels: readonly SalientChannel[];
}

/** What {@linkcode salientChannels} takes. */
export interface SalientChannelsOptions extends InputMagnitudesOptions {
  /** Share of the input channels that counts as salient, at least one of each linear. Default 0.01. */
  readonly share?: number;
}

/**
 * The input channels of every linear whose activations are largest, by mean |x| on calibration text (AWQ,
 * section 3.1), and how they stand to the median channel.
 *
 * @throws {SalientError} As {@linkcode inputMagnitudes}.
 *
 * @example The largest channel of the first linear
 * ```ts
 * import { loadCalibration, loadTokenizer, openBackend, openModel, salientChannels } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = await openBackend("auto");
 * using model = await openModel("models/salient-tiny", backend);
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const calibration = await loadCalibration({ source: "default", tokenizer, samples: 4, seqLen: 64 });
 * const [first] = await salientChannels({ model, calibration });
 * assert.ok((first?.channels[0]?.ratio ?? 0) > 1);
 * ```
 */
export async function salientChannels(
  options: SalientChannelsOptions,
): Promise<LinearSalience[]> {
  const magnitudes = await inputMagnitudes(options);
  return options.model.linears.map((linear) =>
    salienceOf(linear, magnitudes.get(linear.name) ?? new Float32Array(), options.share ?? 0.01)
  );
}

function salienceOf(
  { name, shape }: LinearInfo,
  magnitudes: Float32Array,
  share: number,
): LinearSalience {
  const inputs = shape[1];
  const median = medianOf(magnitudes);
  const channels = [...largestChannels(magnitudes, channelCount(inputs, share))].map((index) => {
    const magnitude = magnitudes[index] ?? 0;
    return { index, magnitude, ratio: median > 0 ? magnitude / median : null };
  });
  return { name, inputs, median, channels };
}

function medianOf(values: Float32Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
