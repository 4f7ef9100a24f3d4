/**
 * Scales of one type as those of another.
 *
 * @module
 */

import type { StoredWeight } from "../export/types.ts";
import type { OutputFormat } from "../output/model_output.ts";

/**
 * The same weight, said to have F16 scales where every one of them is an fp16 number and the format stores
 * such; else as it is. Its tensors stay those of `weight`; disposing it frees nothing.
 */
export function withF16Scales(
  weight: StoredWeight,
  format: OutputFormat,
  download: (weight: StoredWeight) => Float32Array,
): StoredWeight {
  const { grid } = weight;
  const same = grid.scaleDtype === "F16" || format.scaleDtype !== "F16" ||
    !download(weight).every((scale) => Math.f16round(scale) === scale);
  return {
    grid: same ? grid : { ...grid, scaleDtype: "F16" },
    codes: weight.codes,
    scales: weight.scales,
    zeros: weight.zeros,
    inputOrder: weight.inputOrder,
    [Symbol.dispose]: () => {},
  };
}
