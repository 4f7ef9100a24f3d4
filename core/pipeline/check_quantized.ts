/**
 * The check of what a `quantizeLinear` hook answered.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { maxCode } from "../grid.ts";
import type { LinearInfo, QuantizedLinear } from "../plugin.ts";
import type { DType, Tensor } from "../tensor.ts";
import { discard } from "../discard.ts";

/** Codes looked at in one go. */
const CHUNK = 1 << 20;

/**
 * Makes sure that an answer is a {@linkcode QuantizedLinear} of the linear's shape: codes and zero
 * points on the grid, scales finite and above 0.
 *
 * @throws {SalientError} `plugin`, in the words of what is wrong with it.
 */
export function checkQuantized(
  answer: unknown,
  linear: LinearInfo,
  ops: Ops,
): asserts answer is QuantizedLinear {
  if (!isObject(answer) || !isObject(answer.weight)) {
    refuse("answered something else than { weight }");
  }
  const { clipped, weight } = answer as unknown as QuantizedLinear;
  if (clipped !== undefined && !(clipped >= 0 && clipped <= 1)) {
    refuse(`gave clipped the value ${String(clipped)}: use a share from 0 to 1`);
  }
  const { grid } = weight;
  const [outputs, inputs] = linear.shape;
  if (!isObject(grid)) refuse("gave no grid");
  if (!Number.isInteger(grid.bits) || grid.bits < 2 || grid.bits > 8) {
    refuse(`gave a grid of ${String(grid.bits)} bits: use 2 to 8`);
  }
  const { groupSize } = grid;
  if (!Number.isInteger(groupSize) || groupSize < 1 || inputs % groupSize !== 0) {
    refuse(`gave the group size ${String(groupSize)}, which does not divide ${inputs} inputs`);
  }
  const groups = inputs / groupSize;
  checkTensor("codes", weight.codes, "U8", [outputs, inputs]);
  checkTensor("scales", weight.scales, "F32", [outputs, groups]);
  checkTensor("zeros", weight.zeros, "U8", [outputs, groups]);
  checkCodes("code", weight.codes, maxCode(grid), ops);
  checkCodes("zero point", weight.zeros, maxCode(grid), ops);
  const scales = ops.download(weight.scales);
  const wrong = scales.find((scale) => !(scale > 0 && scale < Infinity));
  discard(scales);
  if (wrong !== undefined) refuse(`gave the scale ${wrong}: scales must be finite and above 0`);
}

function checkTensor(what: string, tensor: Tensor, dtype: DType, shape: readonly number[]): void {
  if (!isObject(tensor) || !Array.isArray(tensor.shape)) refuse(`gave no tensor of ${what}`);
  const fits = tensor.dtype === dtype && tensor.shape.length === shape.length &&
    tensor.shape.every((length, axis) => length === shape[axis]);
  if (!fits) {
    const found = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    refuse(`gave ${what} ${found} where ${dtype} [${shape.join(", ")}] is wanted`);
  }
}

function checkCodes(what: string, codes: Tensor, most: number, ops: Ops): void {
  if (most === 255) return;
  const [rows = 0, width = 1] = codes.shape;
  const step = Math.max(1, Math.floor(CHUNK / width));
  for (let row = 0; row < rows; row += step) {
    using part = ops.rows(codes, row, Math.min(step, rows - row));
    const bytes = ops.downloadBytes(part);
    const found = above(bytes, most) ? bytes.find((code) => code > most) : undefined;
    discard(bytes);
    if (found !== undefined) refuse(`gave the ${what} ${found}, which is above ${most}`);
  }
}

/** Whether any byte is above `most` = 2^bits - 1, looked at four at a time. */
function above(bytes: Uint8Array<ArrayBuffer>, most: number): boolean {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let union = 0;
  for (let i = 0; i < words.length; i++) union |= words[i]!;
  for (let i = words.length << 2; i < bytes.length; i++) union |= bytes[i]!;
  return (union & ~(most * 0x01010101)) !== 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function refuse(message: string): never {
  throw new SalientError("plugin", message);
}
