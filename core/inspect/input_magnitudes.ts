/**
 * How large the inputs of each linear are.
 *
 * @module
 */

import type { CalibrationSet } from "../calibration/types.ts";
import { definePlugin } from "../define_plugin.ts";
import { SalientError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import type { EventListener } from "../pipeline/events.ts";
import { quantizeInMemory } from "../pipeline/quantize_in_memory.ts";

/** What {@linkcode inputMagnitudes} takes. */
export interface InputMagnitudesOptions {
  /** The open model; it must be plain. */
  readonly model: Model;
  /** The windows that pass through it. */
  readonly calibration: CalibrationSet;
  /** Ends the work. */
  readonly signal?: AbortSignal | undefined;
  /** Is told how far the windows are. */
  readonly onEvent?: EventListener | undefined;
}

/**
 * The mean |x| of every input channel of every linear, by the linear's full name: [K] each. Linears that
 * share their input share the array's values.
 *
 * It is a run of the pipeline that quantizes nothing, so memory stays that of one block.
 *
 * @throws {SalientError} `input` where the model is quantized or its hidden states overflow.
 */
export async function inputMagnitudes(
  { model, calibration, signal, onEvent }: InputMagnitudesOptions,
): Promise<Map<string, Float32Array>> {
  if (model.quantization !== undefined) {
    throw new SalientError(
      "input",
      `${model.directory} is quantized (${model.quantization.format}): give the original model`,
      { file: model.directory },
    );
  }
  const magnitudes = new Map<string, Float32Array>();
  const observer = definePlugin({
    name: "salience",
    apiVersion: 1,
    observe: () => ({ absMean: true }),
    transformBlock(block) {
      for (const { name, statistics } of block.linears) {
        if (statistics.absMean !== undefined) magnitudes.set(name, statistics.absMean.slice());
      }
    },
  });
  const { model: unchanged } = await quantizeInMemory({
    model,
    backend: model.backend,
    plugins: [observer],
    calibration,
    signal,
    onEvent,
  });
  unchanged[Symbol.dispose]();
  return magnitudes;
}
