/**
 * Reads linears in the layout of GPTQ checkpoints.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { maxCode } from "../grid.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import { damaged } from "./damaged.ts";
import type { GptqVersion } from "./gptq.ts";
import { isSymmetric } from "./is_symmetric.ts";
import { storedLinear } from "./stored_linear.ts";
import { storedScales } from "./stored_scales.ts";
import { storedView } from "./stored_view.ts";
import { transpose } from "./transpose.ts";
import { transposeTensor } from "./transpose_tensor.ts";
import { unpackWords } from "./unpack_words.ts";

/**
 * The quantized weight of one linear. Types, shapes and groups are checked against the model and
 * `quantization_config`.
 *
 * @throws {SalientError} `input`, naming the tensor. So is a checkpoint whose inputs were put into groups
 * out of order (`desc_act`), or a zero point on which readers do not agree.
 */
export async function decodeGptq(
  version: GptqVersion,
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<QuantizedWeight> {
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
  checkOwners(checkpoint, linear, groupSize, ops);
  const { values, scaleDtype } = await storedScales(
    checkpoint,
    `${name}.scales`,
    [groups, outputs],
    ops,
  );

  using stack = new DisposableStack();
  using alongInputs = transposeTensor(qweight, ops);
  const codes = stack.use(await unpackWords(alongInputs, inputs, bits, ops));
  using storedZeros = await unpackWords(qzeros, outputs, bits, ops);
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

/** Groups must be of neighbouring inputs. */
function checkOwners(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  groupSize: number,
  ops: Ops,
): void {
  const name = `${linear.name}.g_idx`;
  if (!checkpoint.entries.has(name)) return;
  using stored = storedView(checkpoint, name, ["I32"], [linear.shape[1]]);
  const owners = new Int32Array(ops.downloadBytes(stored).buffer);
  if (owners.every((owner, k) => owner === Math.floor(k / groupSize))) return;
  throw new SalientError(
    "input",
    `Tensor ${name} of ${checkpoint.directory} puts inputs into groups out of order (desc_act), which is not ` +
      `read: use a checkpoint that was made with desc_act false or static groups`,
    { file: checkpoint.directory, tensor: name },
  );
}
