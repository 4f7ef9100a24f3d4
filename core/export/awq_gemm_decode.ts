/**
 * Reads linears in AutoAWQ's GEMM layout.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { maxCode } from "../grid.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { AWQ_LAYOUT } from "./awq_layout.ts";
import { damaged } from "./damaged.ts";
import { isSymmetric } from "./is_symmetric.ts";
import { rowBytes } from "./row_bytes.ts";
import { storedLinear } from "./stored_linear.ts";
import { storedScales } from "./stored_scales.ts";
import { storedView } from "./stored_view.ts";
import { transpose } from "./transpose.ts";

/**
 * The quantized weight of one linear. Types, shapes, and the range of every integer and scale are
 * checked against the model and `quantization_config`.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export async function decodeAwqGemm(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
  ops: Ops,
): Promise<QuantizedWeight> {
  const { name, shape: [outputs, inputs] } = linear;
  const { bits, groupSize } = storedLinear(checkpoint, linear, stored);
  if (outputs % 8 !== 0) {
    throw new SalientError(
      "input",
      `Linear ${
        showName(name)
      } [${outputs}, ${inputs}] cannot be stored as AWQ, whose outputs are a ` +
        `multiple of 8: quantization_config of ${checkpoint.directory} does not fit the model`,
      { file: checkpoint.directory, tensor: name },
    );
  }
  const groups = inputs / groupSize;
  const words = outputs / 8;
  using qweight = storedView(checkpoint, `${name}.qweight`, ["I32"], [inputs, words]);
  using qzeros = storedView(checkpoint, `${name}.qzeros`, ["I32"], [groups, words]);
  const read = await storedScales(checkpoint, `${name}.scales`, [groups, outputs], ops);
  checkBits(checkpoint, `${name}.qweight`, qweight, bits, ops);
  checkBits(checkpoint, `${name}.qzeros`, qzeros, bits, ops);

  using stack = new DisposableStack();
  const codes = stack.use(await ops.unpackInt4(qweight, AWQ_LAYOUT));
  const zeros = stack.use(await ops.unpackInt4(qzeros, AWQ_LAYOUT));
  const turned = transpose(read.values, groups, outputs);
  const scales = stack.use(ops.upload(turned, "F32", [outputs, groups]));
  const symmetric = isSymmetric(ops.downloadBytes(zeros), bits);
  const owned = stack.move();
  return {
    grid: { bits, groupSize, symmetric, scaleDtype: read.scaleDtype, range: "minmax" },
    codes,
    scales,
    zeros,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** Integers of fewer than 4 bits leave the upper bits of every nibble empty. */
function checkBits(
  checkpoint: Checkpoint,
  name: string,
  words: Tensor,
  bits: number,
  ops: Ops,
): void {
  const forbidden = ~(maxCode({ bits }) * 0x1111_1111);
  if (forbidden === 0) return;
  for (const bytes of rowBytes(ops, words)) {
    let seen = 0;
    for (const word of new Int32Array(bytes.buffer)) seen |= word;
    if ((seen & forbidden) !== 0) {
      throw damaged(checkpoint, name, `has integers of more than the ${bits} bits it claims`);
    }
  }
}
