/**
 * AutoAWQ's GEMV layout. K inputs, N outputs, g inputs in a group:
 *
 * | tensor | type | shape |
 * |---|---|---|
 * | `.qweight` | I32 | [N, K/8]: words along the inputs, in natural order |
 * | `.qzeros` | I32 | [N, Z]: words along the groups, in natural order, filled up with zeros |
 * | `.scales` | F16 | [N, 8 Z], filled up with zeros |
 *
 * Z is ceil(K/g/8), made a multiple of 2 for groups of 64 and of 4 for groups of 32. A weight is
 * `(q - zero) * scale`.
 *
 * @module
 */

import type { AffineGrid, Ops, QuantizedWeight } from "../backend.ts";
import type { SalientError } from "../errors.ts";
import type { LinearInfo } from "../plugin.ts";
import { awqConfig } from "./awq_config.ts";
import { decodeAwqGemv } from "./awq_gemv_decode.ts";
import { awqGemvWords } from "./awq_gemv_words.ts";
import { recogniseAwq } from "./awq_recognise.ts";
import { packWords } from "./pack_words.ts";
import { refuseLinear } from "./refuse_linear.ts";
import type { ExportFormat, StoredTensor } from "./types.ts";

const NAME = "awq-gemv";

/**
 * The `awq-gemv` format. As in `awq-gemm`, integers of fewer than 4 bits lie in 4-bit containers, and a
 * symmetric grid has its zero point in every place.
 */
export const awqGemv: ExportFormat = {
  name: NAME,
  scaleDtype: "F16",
  mixed: false,
  activations: false,
  scalesActivations: true,
  check,
  byteLength: ({ shape: [outputs, inputs] }, { groupSize }) =>
    outputs * inputs / 2 + outputs * (awqGemvWords(inputs / groupSize, groupSize) ?? 0) * 20,
  encode,
  decode: decodeAwqGemv,
  config: (linears, skipped) => awqConfig("gemv", linears, skipped),
  recognise: (config) => recogniseAwq("gemv", config),
};

function check(linear: LinearInfo, grid: AffineGrid): void {
  const inputs = linear.shape[1];
  const groupSize = grid.groupSize === -1 ? inputs : grid.groupSize;
  const refuse = (text: string): SalientError => refuseLinear(NAME, linear, text);
  if (grid.bits > 4) {
    throw refuse(`holds at most 4 bits, not the ${grid.bits} of ${linear.name}: use 4 or fewer`);
  }
  if (inputs % groupSize !== 0 || inputs % 8 !== 0) {
    throw refuse(
      `cannot cut the ${inputs} inputs of ${linear.name} into groups of ${groupSize} and words of 8: ` +
        `leave that linear plain`,
    );
  }
  if (awqGemvWords(inputs / groupSize, groupSize) === undefined) {
    throw refuse(`has groups of 32, 64, or 128 and more, not the ${groupSize} of ${linear.name}`);
  }
  if (grid.scaleDtype !== "F16") {
    throw refuse(`stores scales as F16, not the ${grid.scaleDtype} of ${linear.name}: use F16`);
  }
}

async function encode(weight: QuantizedWeight, ops: Ops): Promise<readonly StoredTensor[]> {
  const [outputs = 0, groups = 0] = weight.scales.shape;
  const words = awqGemvWords(groups, weight.grid.groupSize) ?? 0;
  const width = 8 * words;
  using stack = new DisposableStack();
  const qweight = stack.use(await packWords(weight.codes, 4, ops));
  const wideZeros = new Uint8Array(outputs * width);
  const wideScales = new Float32Array(outputs * width);
  const [zeros, scales] = [ops.downloadBytes(weight.zeros), ops.download(weight.scales)];
  for (let row = 0; row < outputs; row++) {
    wideZeros.set(zeros.subarray(row * groups, (row + 1) * groups), row * width);
    wideScales.set(scales.subarray(row * groups, (row + 1) * groups), row * width);
  }
  using padded = ops.upload(wideZeros, "U8", [outputs, width]);
  const qzeros = stack.use(await packWords(padded, 4, ops));
  using wide = ops.upload(wideScales, "F32", [outputs, width]);
  const narrow = stack.use(await ops.cast(wide, "F16"));
  stack.move();
  return [
    { suffix: ".qweight", dtype: "I32", tensor: qweight },
    { suffix: ".qzeros", dtype: "I32", tensor: qzeros },
    { suffix: ".scales", dtype: "F16", tensor: narrow },
  ];
}
