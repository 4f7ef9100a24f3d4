/**
 * The error of a quantized linear, for the report.
 *
 * @module
 */

import type { InputMoment, Ops, QuantizedWeight } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import type { EditedLinear } from "./block_editor.ts";
import { measureWeight } from "./weight_error.ts";

/** ||X (W - Q)^T||^2 / ||X W^T||^2 of what was chosen, and of plain rounding on the same grid. */
export interface LinearError {
  /** Of what was chosen. */
  readonly error: number;
  /** Of plain rounding of the original weight. */
  readonly rtnError: number;
}

/**
 * Measures a quantized linear on the calibration inputs, both times as the original model sees it:
 * the rows that were divided in a fold count with their original size.
 *
 * With the Gram of the inputs after the folds, x' = x / c, and W' = W c, plain rounding of W is
 * Q(W' / c) c: the loss of the scales 1 / c. So the statistics need not be unfolded. Where nothing
 * was observed, the identity takes the place of the inputs.
 */
export async function measureLinear(
  ops: Ops,
  linear: EditedLinear,
  moment: InputMoment | undefined,
  quantized: QuantizedWeight,
): Promise<LinearError> {
  if (moment === undefined) return await measureWeight(ops, linear, quantized);
  using rows = await undoRowFactors(ops, linear, quantized);
  const { weight, chosen } = rows;
  const channels = linear.info.shape[1];
  const inverse = linear.columnFactors?.map((factor) => 1 / factor);
  using candidates = ops.upload(
    inverse ?? new Float32Array(channels).fill(1),
    "F32",
    [1, channels],
  );
  const energy = await ops.outputEnergy(weight, moment);
  const loss = await ops.quantizationLoss(weight, moment, chosen);
  const [rtnLoss = NaN] = await ops.scaleLosses(weight, moment, chosen.grid, candidates);
  return { error: ratio(loss, energy), rtnError: ratio(rtnLoss, energy) };
}

interface UndoneRows extends Disposable {
  readonly weight: Tensor;
  readonly chosen: QuantizedWeight;
}

/** Weight and scales with the rows in their original size; copies only where rows were divided. */
async function undoRowFactors(
  ops: Ops,
  linear: EditedLinear,
  quantized: QuantizedWeight,
): Promise<UndoneRows> {
  const { rowFactors } = linear;
  const stack = new DisposableStack();
  if (rowFactors === undefined) {
    return { weight: linear.weight, chosen: quantized, [Symbol.dispose]: () => stack.dispose() };
  }
  const weight = stack.use(await ops.scaleRows(linear.weight, rowFactors));
  const scales = stack.use(await ops.scaleRows(quantized.scales, rowFactors));
  const chosen = view(quantized.grid, quantized.codes, scales, quantized.zeros);
  return { weight, chosen, [Symbol.dispose]: () => stack.dispose() };
}

/** A quantized weight of tensors that belong to others. */
function view(
  grid: QuantizedWeight["grid"],
  codes: Tensor,
  scales: Tensor,
  zeros: Tensor,
): QuantizedWeight {
  return { grid, codes, scales, zeros, [Symbol.dispose]: () => {} };
}

function ratio(loss: number, energy: number): number {
  return energy > 0 ? loss / energy : 0;
}
