/**
 * Whether the groups of a linear are out of order.
 *
 * @module
 */

import { readInputOrder } from "../export/input_order.ts";
import type { Model } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";

/** Of GPTQ and of compressed-tensors. */
const GROUP_TENSORS: readonly string[] = [".g_idx", ".weight_g_idx"];

/** Whether a tensor beside the weight of a quantized linear puts inputs into groups that are not neighbours (`desc_act`). */
export function isOrdered(
  { checkpoint, quantization, backend: ops }: Model,
  linear: LinearInfo,
): boolean {
  const groupSize = quantization?.of(linear)?.groupSize;
  return groupSize !== undefined &&
    GROUP_TENSORS.some((suffix) =>
      readInputOrder({ checkpoint, linear, suffix, groupSize, ops }) !== undefined
    );
}
