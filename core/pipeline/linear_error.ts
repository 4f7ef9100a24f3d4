/**
 * The error of a quantized linear, for the report.
 *
 * @module
 */

import type { InputMoment, Ops, QuantizedWeight } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import { measureWeight } from "./weight_error.ts";

/** Pieces of a large linear that are looked at, evenly spread, and rows of each. */
const PIECES = 16;
const PIECE_ROWS = 60;

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
 * was observed, the identity takes the place of the inputs. Of a linear with many outputs 960 are looked
 * at: each has an error of its own, and both figures are made from the same ones.
 */
export async function measureLinear(
  ops: Ops,
  linear: EditedLinear,
  moment: InputMoment | undefined,
  quantized: QuantizedWeight,
): Promise<LinearError> {
  if (moment === undefined) return await measureWeight(ops, linear, quantized);
  using some = await someRows(ops, linear, quantized);
  using rows = await undoRowFactors(ops, some);
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

interface Rows extends Disposable {
  readonly weight: Tensor;
  readonly chosen: QuantizedWeight;
}

interface ScaledRows extends Rows {
  readonly rowFactors: Float32Array | undefined;
}

/** The rows that are looked at: all, or copies of some. */
async function someRows(
  ops: Ops,
  { info, weight, rowFactors }: EditedLinear,
  quantized: QuantizedWeight,
): Promise<ScaledRows> {
  const outputs = info.shape[0];
  const stack = new DisposableStack();
  const dispose = (): void => stack.dispose();
  if (outputs <= PIECES * PIECE_ROWS) {
    return { weight, chosen: quantized, rowFactors, [Symbol.dispose]: dispose };
  }
  const starts = Array.from({ length: PIECES }, (_, i) => {
    return Math.floor(i * (outputs - PIECE_ROWS) / (PIECES - 1));
  });
  async function pick(tensor: Tensor): Promise<Tensor> {
    const width = tensor.shape[1] ?? 0;
    const picked = stack.use(ops.zeros(tensor.dtype, [PIECES * PIECE_ROWS, width]));
    for (const [i, start] of starts.entries()) {
      using part = ops.rows(tensor, start, PIECE_ROWS);
      await ops.copyRows(part, picked, i * PIECE_ROWS);
    }
    return picked;
  }
  const { grid, codes, scales, zeros } = quantized;
  try {
    return {
      weight: await pick(weight),
      chosen: view(grid, await pick(codes), await pick(scales), await pick(zeros)),
      rowFactors: rowFactors && Float32Array.from(
        { length: PIECES * PIECE_ROWS },
        (_, i) => rowFactors[starts[Math.floor(i / PIECE_ROWS)]! + i % PIECE_ROWS]!,
      ),
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    stack.dispose();
    throw error;
  }
}

/** Weight and scales with the rows in their original size; copies only where rows were divided. */
async function undoRowFactors(
  ops: Ops,
  { weight: stored, chosen: quantized, rowFactors }: ScaledRows,
): Promise<Rows> {
  const stack = new DisposableStack();
  if (rowFactors === undefined) {
    return { weight: stored, chosen: quantized, [Symbol.dispose]: () => stack.dispose() };
  }
  const weight = stack.use(await ops.scaleRows(stored, rowFactors));
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
