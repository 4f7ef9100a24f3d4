/**
 * Reads linears in the layout of GPTQ checkpoints.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { maxCode } from "../grid.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import { damaged } from "./damaged.ts";
import type { GptqVersion } from "./gptq.ts";
import { readInputOrder } from "./input_order.ts";
import { isSymmetric } from "./is_symmetric.ts";
import { orderCodes } from "./order_codes.ts";
import { storedLinear } from "./stored_linear.ts";
import { storedScales } from "./stored_scales.ts";
import { storedView } from "./stored_view.ts";
import { transpose } from "./transpose.ts";
import { transposeTensor } from "./transpose_tensor.ts";
import type { StoredWeight } from "./types.ts";
import { unpackPlanes } from "./unpack_planes.ts";
import { unpackWords } from "./unpack_words.ts";

/**
 * The quantized weight of one linear. Types, shapes and groups are checked against the model and
 * `quantization_config`.
 *
 * @throws {SalientError} `input`, naming the tensor. So is a zero point on which readers do not agree.
 */
export async function decodeGptq(
  version: GptqVersion,
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<StoredWeight> {
  const { name, shape: [outputs, inputs] } = linear;
  const { bits, groupSize } = storedLinear(checkpoint, linear, stored);
  const groups = inputs / groupSize;
  const [rows, columns] = [inputs * bits / 32, outputs * bits / 32];
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    throw new SalientError(
      "input",
      `Linear ${name} [${outputs}, ${inputs}] does not fill whole words of ${bits} bits: ` +
        `quantization_config of ${checkpoint.directory} does not fit the model`,
      { file: checkpoint.directory, tensor: name },
    );
  }
  using qweight = storedView(checkpoint, `${name}.qweight`, ["I32"], [rows, outputs]);
  using qzeros = storedView(checkpoint, `${name}.qzeros`, ["I32"], [groups, columns]);
  const inputOrder = readInputOrder({ checkpoint, linear, suffix: ".g_idx", groupSize, ops });
  const { values, scaleDtype } = await storedScales(
    checkpoint,
    `${name}.scales`,
    [groups, outputs],
    ops,
  );

  const unpack = version === "gptq-p" ? unpackPlanes : unpackWords;
  using stack = new DisposableStack();
  using alongInputs = transposeTensor(qweight, ops);
  const unpacked = await unpack(alongInputs, inputs, bits, ops);
  const codes = stack.use(orderCodes(unpacked, inputOrder, ops));
  using storedZeros = await unpack(qzeros, outputs, bits, ops);
  const points = transpose(ops.downloadBytes(storedZeros), groups, outputs);
  if (version === "gptq") addOne(checkpoint, `${name}.qzeros`, points, maxCode({ bits }));
  const zeros = stack.use(ops.upload(points, "U8", [outputs, groups]));
  const turned = transpose(values, groups, outputs);
  const scales = stack.use(ops.upload(turned, "F32", [outputs, groups]));
  const symmetric = isSymmetric(points, bits);
  const owned = stack.move();
  return {
    grid: { bits, groupSize, symmetric, scaleDtype, range: "minmax" },
    codes,
    scales,
    zeros,
    inputOrder,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** The true zero points of version 1. */
function addOne(checkpoint: Checkpoint, name: string, points: Uint8Array, most: number): void {
  if (points.includes(most)) {
    throw damaged(
      checkpoint,
      name,
      `stores a zero point as ${most}, which readers of gptq take for ${most + 1} or for 0`,
    );
  }
  for (let i = 0; i < points.length; i++) points[i]! += 1;
}
