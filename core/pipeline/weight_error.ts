/**
 * The error of a quantized linear where nothing is known of its inputs.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import { discard } from "../discard.ts";
import type { Tensor } from "../tensor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import type { LinearError } from "./linear_error.ts";

/** Weights looked at together. */
const PIECE = 1 << 15;
/** Pieces looked at of a large linear: some million weights, which leave 0.2 % of doubt in the ratio. */
const PIECES = 32;

/**
 * ||W - Q||^2 / ||W||^2 as the original model sees it, and the same of plain rounding of the original weight. Large linears
 * are measured on evenly spread rows.
 */
export async function measureWeight(
  ops: Ops,
  linear: EditedLinear,
  quantized: QuantizedWeight,
): Promise<LinearError> {
  const [outputs, inputs] = linear.info.shape;
  const inverse = linear.columnFactors?.map((factor) => 1 / factor);
  const step = Math.max(1, Math.floor(PIECE / inputs));
  const all = Math.ceil(outputs / step);
  const looked = Math.min(all, PIECES);
  const sums: Sums = { energy: 0, loss: 0, plainLoss: 0 };
  for (let i = 0; i < looked; i++) {
    const start = Math.floor(i * all / looked) * step;
    const count = Math.min(step, outputs - start);
    using original = await originalRows(ops, linear, inverse, start, count);
    using plain = await ops.fakeQuantize(original, quantized.grid);
    using chosen = await dequantizeRows(ops, quantized, start, count);
    using unscaled = await undo(ops, chosen, linear, inverse, start, count);
    add(sums, ops.download(original), ops.download(unscaled), ops.download(plain));
  }
  const { energy, loss, plainLoss } = sums;
  return energy > 0
    ? { error: loss / energy, rtnError: plainLoss / energy }
    : { error: 0, rtnError: 0 };
}

interface Sums {
  energy: number;
  loss: number;
  plainLoss: number;
}

function add(
  sums: Sums,
  original: Float32Array<ArrayBuffer>,
  chosen: Float32Array<ArrayBuffer>,
  plain: Float32Array<ArrayBuffer>,
): void {
  let [energy, loss, plainLoss] = [0, 0, 0];
  for (let i = 0; i < original.length; i++) {
    const weight = original[i]!;
    energy += weight * weight;
    loss += (weight - chosen[i]!) ** 2;
    plainLoss += (weight - plain[i]!) ** 2;
  }
  sums.energy += energy;
  sums.loss += loss;
  sums.plainLoss += plainLoss;
  for (const values of [original, chosen, plain]) discard(values);
}

/** Rows of the weight without the folds. */
async function originalRows(
  ops: Ops,
  linear: EditedLinear,
  inverse: Float32Array | undefined,
  start: number,
  count: number,
): Promise<Tensor> {
  using rows = ops.rows(linear.weight, start, count);
  return await undo(ops, rows, linear, inverse, start, count);
}

/** Takes the folds out of some rows; a view or a copy. */
async function undo(
  ops: Ops,
  rows: Tensor,
  linear: EditedLinear,
  inverse: Float32Array | undefined,
  start: number,
  count: number,
): Promise<Tensor> {
  const factors = linear.rowFactors?.subarray(start, start + count);
  if (factors === undefined) {
    return inverse === undefined ? ops.rows(rows, 0, count) : await ops.scaleColumns(rows, inverse);
  }
  const wide = await ops.scaleRows(rows, factors);
  if (inverse === undefined) return wide;
  using _ = wide;
  return await ops.scaleColumns(wide, inverse);
}

async function dequantizeRows(
  ops: Ops,
  { grid, codes, scales, zeros }: QuantizedWeight,
  start: number,
  count: number,
): Promise<Tensor> {
  using stack = new DisposableStack();
  const rows = (tensor: Tensor): Tensor => stack.use(ops.rows(tensor, start, count));
  const part = { codes: rows(codes), scales: rows(scales), zeros: rows(zeros) };
  return await ops.dequantize({ grid, ...part, [Symbol.dispose]: () => {} });
}
