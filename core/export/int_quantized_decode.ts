/**
 * Reads linears in the layout `int-quantized` of compressed-tensors.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { maxCode } from "../grid.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import { damaged } from "./damaged.ts";
import { rowBytes } from "./row_bytes.ts";
import { shiftBytes } from "./shift_bytes.ts";
import { storedLinear } from "./stored_linear.ts";
import { storedScales } from "./stored_scales.ts";
import { storedView } from "./stored_view.ts";

/**
 * The quantized weight of one linear. Types, shapes and the range of the integers are checked against the model and
 * `quantization_config`.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export async function decodeIntQuantized(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<QuantizedWeight> {
  const { name, shape: [outputs, inputs] } = linear;
  const { bits, groupSize, symmetric } = storedLinear(checkpoint, linear, stored);
  if (!symmetric) {
    throw damaged(
      checkpoint,
      `${name}.weight`,
      "is asymmetric, which is not read in int-quantized",
    );
  }
  const groups = inputs / groupSize;
  const middle = 2 ** (bits - 1);
  using integers = storedView(checkpoint, `${name}.weight`, ["I8"], [outputs, inputs]);
  const read = await storedScales(checkpoint, `${name}.weight_scale`, [outputs, groups], ops);
  using stack = new DisposableStack();
  const codes = stack.use(await shiftBytes(integers, middle, "U8", ops));
  const most = maxCode({ bits });
  for (const bytes of most === 255 ? [] : rowBytes(ops, codes)) {
    if (bytes.some((code) => code > most)) {
      throw damaged(checkpoint, `${name}.weight`, `has integers of more than ${bits} bits`);
    }
  }
  const scales = stack.use(ops.upload(read.values, "F32", [outputs, groups]));
  const middles = new Uint8Array(outputs * groups).fill(middle);
  const zeros = stack.use(ops.upload(middles, "U8", [outputs, groups]));
  const owned = stack.move();
  return {
    grid: { bits, groupSize, symmetric: true, scaleDtype: read.scaleDtype, range: "zero" },
    codes,
    scales,
    zeros,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/**
 * How the activations of a linear are quantized, with the scale that stands beside its weight where it is fixed.
 *
 * @throws {SalientError} `input`, naming the tensor, where the scale is missing, of another shape, or not above 0.
 */
export async function decodeInputScale(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<ActivationFormat | undefined> {
  const { activation } = storedLinear(checkpoint, linear, stored);
  if (activation === undefined || activation.dynamic) return activation;
  const name = `${linear.name}.input_scale`;
  // A scalar is written by some.
  const shape = checkpoint.entries.get(name)?.shape.length === 0 ? [] : [1];
  const { values: [scale = NaN] } = await storedScales(checkpoint, name, shape, ops);
  if (scale > 0) return { ...activation, scale };
  throw damaged(checkpoint, name, `is ${scale}, and a scale must be above 0`);
}
