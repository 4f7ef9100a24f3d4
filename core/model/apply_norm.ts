/**
 * Norms as they run.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import type { BlockNorm } from "./model.ts";

/**
 * The norm of x [T, K], a new tensor [T, K]: over whole rows where its weight is as long as they are, else head by
 * head, where the heads share a weight [headDim] or have their own [heads, headDim].
 */
export async function applyNorm(ops: Ops, x: Tensor, norm: BlockNorm): Promise<Tensor> {
  const { shape } = norm.spec;
  const [rows = 0, width = 0] = x.shape;
  const length = shape.at(-1) ?? 0;
  if (shape.length === 1 && length === width) return await normRows(ops, x, norm);
  using split = ops.reshape(x, [rows * width / length, length]);
  if (shape.length === 1) {
    using normed = await normRows(ops, split, norm);
    return ops.reshape(normed, x.shape);
  }
  using plain = await normRows(ops, split, { ...norm, weight: undefined, bias: undefined });
  using whole = ops.reshape(plain, x.shape);
  const factors = ops.download(norm.weight).map((value) => value + (norm.spec.offset ?? 0));
  return await ops.scaleColumns(whole, factors);
}

async function normRows(
  ops: Ops,
  x: Tensor,
  { spec, weight, bias }: Pick<BlockNorm, "spec"> & {
    readonly weight: Tensor | undefined;
    readonly bias?: Tensor | undefined;
  },
): Promise<Tensor> {
  if (spec.kind === "layer") {
    if (weight === undefined || (spec.offset ?? 0) === 0) {
      return await ops.layerNorm(x, weight, bias, spec.eps);
    }
    const factors = ops.download(weight).map((value) => value + (spec.offset ?? 0));
    using full = ops.upload(factors, "F32", weight.shape);
    return await ops.layerNorm(x, full, bias, spec.eps);
  }
  if (weight !== undefined) return await ops.rmsNorm(x, weight, spec.eps, spec.offset ?? 0);
  const length = x.shape[1] ?? 0;
  using ones = ops.upload(new Float32Array(length).fill(1), "F32", [length]);
  return await ops.rmsNorm(x, ones, spec.eps, 0);
}
