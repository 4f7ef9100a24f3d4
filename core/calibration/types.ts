/**
 * What the calibration room hands to the others.
 *
 * @module
 */

/** Calibration windows. */
export interface CalibrationSet {
  /** Ids of all windows, one after the other: [samples * seqLen]. */
  readonly ids: Int32Array;
  /** Number of windows. */
  readonly samples: number;
  /** Tokens of a window. */
  readonly seqLen: number;
  /** samples * seqLen. */
  readonly tokens: number;
  /** Where the text came from, for people. */
  readonly source: string;
  /** Documents it was cut from. */
  readonly documents: number;
}
