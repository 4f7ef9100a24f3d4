/**
 * The error of a quantized linear, for the report.
 *
 * @module
 */

import type { InputMoment, Ops, QuantizedWeight } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import type { EditedLinear } from "./block_editor.ts";
import { discard } from "../discard.ts";

/** ||X (W - Q)^T||^2 / ||X W^T||^2 of what was chosen, and of plain rounding on the same grid. */
export interface LinearError {
  /** Of what was chosen. */
  readonly error: number;
  /** Of plain rounding of the original weight. */
  readonly rtnError: number;
}

/**
 * Measures a quantized linear on the calibration inputs, both times as the original model sees it: the rows that were
 * divided in a fold count with their original size.
 *
 * With the Gram of the inputs after the folds, x' = x / c, and W' = W c, plain rounding of W is Q(W' / c) c:
 * the loss of the scales 1 / c. So the statistics need not be unfolded.
 */
export async function measureLinear(
  ops: Ops,
  linear: EditedLinear,
  moment: InputMoment | undefined,
  quantized: QuantizedWeight,
): Promise<LinearError> {
  using rows = await undoRowFactors(ops, linear, quantized);
  const { weight, chosen } = rows;
  const channels = linear.info.shape[1];
  const inverse = linear.columnFactors?.map((factor) => 1 / factor);
  if (moment === undefined) return await measureWeight(ops, weight, chosen, inverse);
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

/** With nothing observed: the same with the identity in place of X. */
async function measureWeight(
  ops: Ops,
  weight: Tensor,
  chosen: QuantizedWeight,
  inverse: Float32Array | undefined,
): Promise<LinearError> {
  using original = inverse === undefined ? undefined : await ops.scaleColumns(weight, inverse);
  using plain = await ops.quantize(original ?? weight, chosen.grid);
  const error = await weightError(ops, weight, chosen);
  return { error, rtnError: await weightError(ops, original ?? weight, plain) };
}

/** Columns looked at together: few, because the identity that stands for X costs their square. */
const FEW = 16;

/**
 * ||W - Q||^2 / ||W||^2. A weight [N, K] is seen as [N K / h, h] for some h that divides the group size, so that
 * the identity is only [h, h]; the scales are repeated to match.
 */
async function weightError(ops: Ops, weight: Tensor, quantized: QuantizedWeight): Promise<number> {
  const { grid } = quantized;
  const [outputs = 0, groups = 0] = quantized.scales.shape;
  const width = largestDivisor(grid.groupSize, FEW);
  const repeats = grid.groupSize / width;
  const pieces = outputs * groups * repeats;
  using split = ops.reshape(weight, [pieces, width]);
  using codes = ops.reshape(quantized.codes, [pieces, width]);
  const allScales = repeat(ops.download(quantized.scales), repeats, new Float32Array(pieces));
  const allZeros = repeat(ops.downloadBytes(quantized.zeros), repeats, new Uint8Array(pieces));
  using scales = ops.upload(allScales, "F32", [pieces, 1]);
  using zeros = ops.upload(allZeros, "U8", [pieces, 1]);
  discard(allScales);
  discard(allZeros);
  const identity = Float32Array.from(
    { length: width * width },
    (_, i) => i % (width + 1) === 0 ? 1 : 0,
  );
  using gram = ops.upload(identity, "F32", [width, width]);
  const moment: InputMoment = { kind: "gram", gram };
  const small = view({ ...grid, groupSize: width }, codes, scales, zeros);
  const loss = await ops.quantizationLoss(split, moment, small);
  return ratio(loss, await ops.outputEnergy(split, moment));
}

function repeat<T extends Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  values: T,
  times: number,
  target: T,
): T {
  for (let i = 0; i < target.length; i++) target[i] = values[Math.floor(i / times)] ?? 0;
  discard(values);
  return target;
}

function largestDivisor(value: number, most: number): number {
  for (let divisor = Math.min(value, most); divisor > 1; divisor--) {
    if (value % divisor === 0) return divisor;
  }
  return 1;
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
