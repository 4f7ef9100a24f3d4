/**
 * A linear while plugins work on it.
 *
 * @module
 */

import type { PackedWeight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { BlockLinear } from "../model/model.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";

/** A linear as it is after the folds so far. */
export interface EditedLinear {
  /** Name, shape, role and site. */
  readonly info: LinearInfo;
  /** [N, K]: the checkpoint's own, or an F32 copy once it was changed. */
  weight: Tensor;
  /** Whether `weight` is a changed copy. */
  changed: boolean;
  /** F32 [N], if there is one. */
  bias: Tensor | undefined;
  /** Whether `bias` is a changed copy. */
  biasChanged: boolean;
  /** What it was quantized to, where a pass of the windows needs that. */
  quantized: PackedWeight | undefined;
  /** How its input is rounded then. */
  activation?: ActivationFormat | undefined;
  /** What each row has been divided by, [N]; undefined for nothing. */
  rowFactors: Float32Array | undefined;
  /** What each column has been multiplied by, [K]; undefined for nothing. */
  columnFactors: Float32Array | undefined;
}

/**
 * The linear before any change.
 *
 * @throws {SalientError} `input` if it is stored quantized.
 */
export function editLinear({ info, weight, bias }: BlockLinear): EditedLinear {
  if ("packed" in weight) {
    throw new SalientError(
      "input",
      `Weight of ${info.name} is quantized already: use a plain one`,
      {
        tensor: info.name,
      },
    );
  }
  const untouched = { rowFactors: undefined, columnFactors: undefined };
  const own = { changed: false, biasChanged: false, quantized: undefined };
  return { info, weight, bias, ...own, ...untouched };
}
