/**
 * Reads linears in the layout `pack-quantized` of compressed-tensors.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { damaged } from "./damaged.ts";
import { readInputOrder } from "./input_order.ts";
import { orderCodes } from "./order_codes.ts";
import { storedLinear } from "./stored_linear.ts";
import { storedScales } from "./stored_scales.ts";
import { storedView } from "./stored_view.ts";
import { transposeTensor } from "./transpose_tensor.ts";
import type { StoredWeight } from "./types.ts";
import { unpackWords } from "./unpack_words.ts";

/**
 * The quantized weight of one linear. Types and shapes are checked against the model and
 * `quantization_config`.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export async function decodePackQuantized(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<StoredWeight> {
  const { name, shape: [outputs, inputs] } = linear;
  const { bits, groupSize, symmetric } = storedLinear(checkpoint, linear, stored);
  const groups = inputs / groupSize;
  checkShape(checkpoint, linear, ops);
  const words = Math.ceil(inputs * bits / 32);
  if (32 % bits !== 0) checkDense(checkpoint, `${name}.weight_packed`, inputs, words, bits);
  using packed = storedView(checkpoint, `${name}.weight_packed`, ["I32"], [outputs, words]);
  const read = await storedScales(checkpoint, `${name}.weight_scale`, [outputs, groups], ops);

  const inputOrder = readInputOrder({
    checkpoint,
    linear,
    suffix: ".weight_g_idx",
    groupSize,
    ops,
  });
  using stack = new DisposableStack();
  const unpacked = await unpackWords(packed, inputs, bits, ops);
  const codes = stack.use(orderCodes(unpacked, inputOrder, ops));
  const scales = stack.use(ops.upload(read.values, "F32", [outputs, groups]));
  const zeros = stack.use(
    symmetric
      ? ops.upload(
        new Uint8Array(outputs * groups).fill(2 ** (bits - 1)),
        "U8",
        [outputs, groups],
      )
      : await readZeros(checkpoint, linear, bits, groups, ops),
  );
  const owned = stack.move();
  return {
    grid: { bits, groupSize, symmetric, scaleDtype: read.scaleDtype, range: "zero" },
    codes,
    scales,
    zeros,
    inputOrder,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

async function readZeros(
  checkpoint: Checkpoint,
  { name, shape: [outputs] }: LinearInfo,
  bits: number,
  groups: number,
  ops: Ops,
): Promise<Tensor> {
  const shape = [Math.ceil(outputs * bits / 32), groups];
  using stored = storedView(checkpoint, `${name}.weight_zero_point`, ["I32"], shape);
  using turned = transposeTensor(stored, ops);
  using unpacked = await unpackWords(turned, outputs, bits, ops);
  return transposeTensor(unpacked, ops);
}

/** The tensor that says the shape must agree with the model. */
function checkShape(checkpoint: Checkpoint, linear: LinearInfo, ops: Ops): void {
  const name = `${linear.name}.weight_shape`;
  using stored = storedView(checkpoint, name, ["I64", "I32"], [2]);
  const bytes = ops.downloadBytes(stored);
  const found = stored.dtype === "I64"
    ? Array.from(new BigInt64Array(bytes.buffer), Number)
    : Array.from(new Int32Array(bytes.buffer));
  if (found.every((length, axis) => length === linear.shape[axis])) return;
  throw damaged(
    checkpoint,
    name,
    `says [${found.join(", ")}] where the model needs [${linear.shape.join(", ")}]`,
  );
}

/** Older writers put whole integers into each word; for bits that do not divide 32 that is another layout. */
function checkDense(
  checkpoint: Checkpoint,
  name: string,
  inputs: number,
  words: number,
  bits: number,
): void {
  const older = Math.ceil(inputs / Math.floor(32 / bits));
  if (older === words || checkpoint.entries.get(name)?.shape[1] !== older) return;
  throw new SalientError(
    "input",
    `Tensor ${name} of ${checkpoint.directory} has ${bits} bits in the layout of older versions of ` +
      `compressed-tensors, which is not read: write it with a newer one`,
    { file: checkpoint.directory, tensor: name },
  );
}
