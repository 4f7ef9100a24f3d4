/**
 * Reads linears in AutoAWQ's GEMV layout.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { maxCode } from "../grid.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { awqGemvWords } from "./awq_gemv_words.ts";
import { damaged } from "./damaged.ts";
import { isSymmetric } from "./is_symmetric.ts";
import { storedLinear } from "./stored_linear.ts";
import { storedScales } from "./stored_scales.ts";
import { storedView } from "./stored_view.ts";
import { unpackWords } from "./unpack_words.ts";

/**
 * The quantized weight of one linear. Types, shapes, and the range of every integer and scale are
 * checked against the model and `quantization_config`.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export async function decodeAwqGemv(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<QuantizedWeight> {
  const { name, shape: [outputs, inputs] } = linear;
  const { bits, groupSize } = storedLinear(checkpoint, linear, stored);
  const groups = inputs / groupSize;
  const words = awqGemvWords(groups, groupSize);
  if (inputs % 8 !== 0 || words === undefined) {
    throw new SalientError(
      "input",
      `Linear ${name} [${outputs}, ${inputs}] cannot be stored as AWQ's gemv with groups of ` +
        `${groupSize}: quantization_config of ${checkpoint.directory} does not fit the model`,
      { file: checkpoint.directory, tensor: name },
    );
  }
  const width = 8 * words;
  using qweight = storedView(checkpoint, `${name}.qweight`, ["I32"], [outputs, inputs / 8]);
  using qzeros = storedView(checkpoint, `${name}.qzeros`, ["I32"], [outputs, words]);
  const read = await storedScales(checkpoint, `${name}.scales`, [outputs, width], ops);

  using stack = new DisposableStack();
  const codes = stack.use(await unpackWords(qweight, inputs, 4, ops));
  checkRange(checkpoint, `${name}.qweight`, codes, bits, ops);
  using wideZeros = await unpackWords(qzeros, width, 4, ops);
  checkRange(checkpoint, `${name}.qzeros`, wideZeros, bits, ops);
  const points = firstColumns(ops.downloadBytes(wideZeros), outputs, width, groups);
  const zeros = stack.use(ops.upload(points, "U8", [outputs, groups]));
  const values = firstColumns(read.values, outputs, width, groups);
  const scales = stack.use(ops.upload(values, "F32", [outputs, groups]));
  const owned = stack.move();
  return {
    grid: {
      bits,
      groupSize,
      symmetric: isSymmetric(points, bits),
      scaleDtype: read.scaleDtype,
      range: "minmax",
    },
    codes,
    scales,
    zeros,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function firstColumns<T extends Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  values: T,
  rows: number,
  width: number,
  count: number,
): T {
  const kept = values.slice(0, rows * count) as T;
  for (let row = 0; row < rows; row++) {
    kept.set(values.subarray(row * width, row * width + count), row * count);
  }
  return kept;
}

function checkRange(
  checkpoint: Checkpoint,
  name: string,
  integers: Tensor,
  bits: number,
  ops: Ops,
): void {
  const most = maxCode({ bits });
  if (most === 15 || !ops.downloadBytes(integers).some((value) => value > most)) return;
  throw damaged(checkpoint, name, `has integers of more than the ${bits} bits it claims`);
}
