/**
 * Activations rounded to integers before a product.
 *
 * @module
 */

import { activationFault, type ActivationFormat } from "../../core/backend.ts";
import { check } from "./checks.ts";
import { roundHalfEven } from "./group_rounder.ts";

/** The least range of a row. */
const LEAST_RANGE = 1e-5;

/** Rounded activations: row t is `scales[t] * integers[t]`. */
export interface RoundedInputs {
  /** [T, K] whole numbers. */
  readonly integers: Float32Array<ArrayBuffer>;
  /** [T], NaN for a row that has no scale. */
  readonly scales: Float32Array<ArrayBuffer>;
}

/** Rounds x [T, K]; undefined where no format asks for it. */
export function roundedInputs(
  x: Float32Array,
  format: ActivationFormat | undefined,
  { T, K }: { T: number; K: number },
): RoundedInputs | undefined {
  if (format === undefined) return undefined;
  const fault = activationFault(format);
  check(fault === undefined, `Activation format ${fault}`);
  const most = 2 ** (format.bits - 1) - 1;
  const integers = new Float32Array(T * K);
  const scales = new Float32Array(T);
  for (let t = 0; t < T; t++) {
    const row = x.subarray(t * K, (t + 1) * K);
    const scale = scaleOf(row, most, format.scale);
    scales[t] = scale;
    if (Number.isNaN(scale)) continue;
    for (let k = 0; k < K; k++) {
      const whole = roundHalfEven(Math.fround(row[k]! / scale));
      integers[t * K + k] = Math.min(Math.max(whole, -most - 1), most);
    }
  }
  return { integers, scales };
}

/** y [T, N] = y * scales + bias. */
export function scaleOutputs(
  y: Float32Array,
  scales: Float32Array,
  bias: Float32Array | undefined,
  { T, N }: { T: number; N: number },
): void {
  for (let t = 0; t < T; t++) {
    for (let n = 0; n < N; n++) y[t * N + n] = y[t * N + n]! * scales[t]! + (bias?.[n] ?? 0);
  }
}

/** The fixed scale, or that of the row's largest value; NaN where the row has none. */
function scaleOf(row: Float32Array, most: number, fixed: number | undefined): number {
  let largest = 0;
  for (const value of row) {
    if (Number.isNaN(value)) return NaN;
    largest = Math.max(largest, Math.abs(value));
  }
  if (fixed !== undefined) return Math.fround(fixed);
  if (largest === Infinity) return NaN;
  return Math.fround(Math.max(largest, Math.fround(LEAST_RANGE)) / most);
}
