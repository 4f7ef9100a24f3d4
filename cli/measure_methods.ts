/**
 * Quantizes in memory with several methods and measures each.
 *
 * @module
 */

import {
  type Backend,
  type CalibrationSet,
  type LayerRule,
  type Model,
  perplexity,
  type PipelineEvent,
  type Plugin,
  quantizeInMemory,
} from "../mod.ts";

/** One line of the comparison. */
export interface MeasuredRow {
  /** Name of the method, `"original"` for the model as it is. */
  readonly method: string;
  /** Bits of an integer; those of the checkpoint's own type for the original. */
  readonly bits: number;
  /** Inputs that share a scale; null for the original. */
  readonly groupSize: number | null;
  /** Bits for each weight inside the blocks, scales and zero points included; null for the original. */
  readonly bitsPerWeight: number | null;
  /** The budget that bits were chosen under; null where there was none. */
  readonly targetBits: number | null;
  /** Perplexity on the text. */
  readonly perplexity: number;
  /** Time to quantize, calibration included, perplexity not. */
  readonly seconds: number;
  /** Bytes of the checkpoint. */
  readonly bytes: number;
}

/** A method to measure. */
export interface MethodToMeasure {
  /** Its name in the table. */
  readonly method: string;
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** The budget that bits are chosen under, in place of `bits`. */
  readonly targetBits?: number | undefined;
  /** The plugins that do it. */
  readonly plugins: readonly Plugin[];
}

/** What all methods share. */
export interface MeasureOptions {
  /** Who computes. */
  readonly backend: Backend;
  /** The original. */
  readonly model: Model;
  /** Calibration windows. */
  readonly calibration: CalibrationSet;
  /** Ids of the text that is measured. */
  readonly ids: Int32Array;
  /** Tokens of a window of the measured text. */
  readonly seqLen: number;
  /** Seed of the run. */
  readonly seed: number;
  /** Ends the work. */
  readonly signal: AbortSignal;
  /** Grids of single linears. */
  readonly rules?: readonly LayerRule[] | undefined;
  /** Seconds that one call of a plugin's hook may take. */
  readonly hookTimeout?: number | undefined;
  /** Whether every expert is shown every calibration token. */
  readonly allExperts?: boolean | undefined;
  /** Takes the events of each run. */
  readonly onEvent?: (event: PipelineEvent) => void;
}

/** Measures the original, then each method; yields a row as soon as it is known. */
export async function* measureMethods(
  methods: readonly MethodToMeasure[],
  options: MeasureOptions,
): AsyncGenerator<MeasuredRow> {
  const { backend, model, calibration, ids, seqLen, seed, signal } = options;
  const original = await perplexity(model, ids, { seqLen, signal });
  const [first] = model.linears;
  yield {
    method: "original",
    bits: first?.dtype === "F32" ? 32 : first?.dtype === "F64" ? 64 : 16,
    groupSize: null,
    bitsPerWeight: null,
    targetBits: null,
    perplexity: original.perplexity,
    seconds: 0,
    bytes: model.checkpoint.byteLength,
  };
  for (const { method, bits, groupSize, targetBits, plugins } of methods) {
    const result = await quantizeInMemory({
      model,
      backend,
      plugins: [...plugins],
      calibration,
      seed,
      signal,
      rules: options.rules,
      targetBits,
      hookTimeout: options.hookTimeout,
      allExperts: options.allExperts,
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    });
    using quantized = result.model;
    const measured = await perplexity(quantized, ids, { seqLen, signal });
    yield {
      method,
      bits,
      groupSize,
      bitsPerWeight: result.report.bitsPerWeight,
      targetBits: targetBits ?? null,
      perplexity: measured.perplexity,
      seconds: result.report.seconds,
      bytes: result.report.bytesAfter,
    };
  }
}
