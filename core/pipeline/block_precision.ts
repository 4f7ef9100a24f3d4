/**
 * What a block's products are computed in while the calibration windows pass.
 *
 * @module
 */

import type { Block, Model } from "../model/model.ts";

/** Width from which blocks stored in bf16 run in bf16: their products are then most of the time. */
const WIDE = 1024;

/**
 * What a wide block stored in bf16 is run in: bf16, several times as fast. Only its inputs are rounded then, as wherever
 * such a model is served, and statistics of many tokens do not show it.
 */
export function blockPrecision(model: Model, block: Block): "fp32" | "bf16" {
  if (model.config.hiddenSize < WIDE) return "fp32";
  const narrow = [...block.linears.values()].every(({ weight }) => {
    return !("packed" in weight) && weight.dtype === "BF16";
  });
  return narrow ? "bf16" : "fp32";
}
