/**
 * Calibration as the options of the command line ask for it.
 *
 * @module
 */

import {
  type CalibrationSet,
  loadCalibration,
  loadTokenizer,
  type Model,
  sampleTokens,
} from "../../mod.ts";

/** The options that choose calibration windows. */
export interface CalibrateArguments {
  /** Directory of the model, for its tokenizer. */
  readonly model: string;
  /** Where the text comes from. */
  readonly calib: string;
  /** Windows. */
  readonly samples: number;
  /** Tokens of a window. */
  readonly seqLen: number;
  /** Which windows. */
  readonly seed: number;
}

/** The calibration windows; `self` samples them from the model. */
export async function calibrate(
  args: CalibrateArguments,
  model: Model,
  signal: AbortSignal,
): Promise<CalibrationSet> {
  const tokenizer = await loadTokenizer(args.model);
  tokenizer.checkVocabulary(model.config.vocabSize);
  return await loadCalibration({
    source: args.calib,
    tokenizer,
    samples: args.samples,
    seqLen: args.seqLen,
    seed: args.seed,
    signal,
    sampleSelf: (samples, seqLen, seed) => sampleTokens(model, { samples, seqLen, seed, signal }),
  });
}
