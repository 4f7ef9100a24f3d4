/**
 * AutoAWQ's GEMM layout, which every engine reads. K inputs, N outputs, g inputs in a group:
 *
 * | tensor | type | shape |
 * |---|---|---|
 * | `.qweight` | I32 | [K, N/8]: word c holds outputs 8c to 8c + 7 |
 * | `.qzeros` | I32 | [K/g, N/8], in the same order; the true zero points |
 * | `.scales` | F16 | [K/g, N] |
 *
 * Nibble i (bits 4i to 4i + 3) of a word is output 8c + [0, 2, 4, 6, 1, 3, 5, 7][i]: the outputs 0 to 7 with
 * the values 0 to 7 are the word 0x75316420. A weight is `(q - zero) * scale`.
 *
 * @module
 */

import type { AffineGrid, Ops, QuantizedWeight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { LinearInfo } from "../plugin.ts";
import { decodeAwqGemm } from "./awq_gemm_decode.ts";
import { awqConfig } from "./awq_config.ts";
import { recogniseAwq } from "./awq_recognise.ts";
import { AWQ_LAYOUT } from "./awq_layout.ts";
import { transpose } from "./transpose.ts";
import type { ExportFormat, StoredTensor } from "./types.ts";

/**
 * The `awq-gemm` format. Integers of fewer than 4 bits lie in 4-bit containers, so that engines load
 * them as 4-bit ones; the true bits are noted under `salient` in `quantization_config`. A symmetric
 * grid is stored with its zero point, 2^(bits - 1), in every place.
 */
export const awqGemm: ExportFormat = {
  name: "awq-gemm",
  scaleDtype: "F16",
  mixed: false,
  activations: false,
  scalesActivations: true,
  check,
  byteLength: ({ shape: [outputs, inputs] }, { groupSize }) =>
    outputs * inputs / 2 + outputs * (inputs / groupSize) * 2.5,
  encode,
  decode: decodeAwqGemm,
  config: (linears, skipped) => awqConfig("gemm", linears, skipped),
  recognise: (config) => recogniseAwq("gemm", config),
};

function check(linear: LinearInfo, grid: AffineGrid): void {
  const [outputs, inputs] = linear.shape;
  if (grid.bits > 4) {
    throw refuse(
      linear,
      `holds at most 4 bits, not the ${grid.bits} of ${linear.name}: use 4 or fewer`,
    );
  }
  if (outputs % 8 !== 0) {
    throw refuse(
      linear,
      `needs a multiple of 8 outputs, not the ${outputs} of ${linear.name}: leave that linear plain`,
    );
  }
  if (grid.groupSize !== -1 && inputs % grid.groupSize !== 0) {
    throw refuse(
      linear,
      `cannot cut the ${inputs} inputs of ${linear.name} into groups of ${grid.groupSize}: use a divisor or -1`,
    );
  }
  if (grid.scaleDtype !== "F16") {
    throw refuse(
      linear,
      `stores scales as F16, not the ${grid.scaleDtype} of ${linear.name}: use F16`,
    );
  }
}

function refuse(linear: LinearInfo, text: string): SalientError {
  return new SalientError("input", `Format awq-gemm ${text}`, { tensor: linear.name });
}

async function encode(weight: QuantizedWeight, ops: Ops): Promise<readonly StoredTensor[]> {
  const [outputs = 0, groups = 0] = weight.scales.shape;
  using stack = new DisposableStack();
  const qweight = stack.use(await ops.packInt4(weight.codes, AWQ_LAYOUT));
  const qzeros = stack.use(await ops.packInt4(weight.zeros, AWQ_LAYOUT));
  const turned = transpose(ops.download(weight.scales), outputs, groups);
  using wide = ops.upload(turned, "F32", [groups, outputs]);
  const scales = stack.use(await ops.cast(wide, "F16"));
  stack.move();
  return [
    { suffix: ".qweight", dtype: "I32", tensor: qweight },
    { suffix: ".qzeros", dtype: "I32", tensor: qzeros },
    { suffix: ".scales", dtype: "F16", tensor: scales },
  ];
}
