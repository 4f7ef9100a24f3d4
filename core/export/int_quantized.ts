/**
 * The layout `int-quantized` of compressed-tensors, for weights and activations in integers. K inputs, N outputs, g
 * inputs in a group:
 *
 * | tensor | type | shape |
 * |---|---|---|
 * | `.weight` | I8 | [N, K]: the signed integers, of fewer than 8 bits too |
 * | `.weight_scale` | that of the model's weights | [N, K/g]; [N, 1] for whole rows |
 * | `.input_scale` | F32 | [1], where the scale of the activations is fixed |
 *
 * A weight is `integer * scale`. Activations are described in `quantization_config`.
 *
 * @module
 */

import type { AffineGrid, Ops, QuantizedWeight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import { compressedTensorsConfig } from "./compressed_tensors_config.ts";
import { recogniseCompressedTensors } from "./compressed_tensors_recognise.ts";
import { decodeInputScale, decodeIntQuantized } from "./int_quantized_decode.ts";
import { isSymmetric } from "./is_symmetric.ts";
import { refuseLinear } from "./refuse_linear.ts";
import { shiftBytes } from "./shift_bytes.ts";
import type { ExportFormat, StoredTensor } from "./types.ts";

const NAME = "int-quantized";

/** The `int-quantized` format: symmetric grids, and activations with dynamic or fixed scales. */
export const intQuantized: ExportFormat = {
  name: NAME,
  scaleDtype: "weight",
  mixed: true,
  activations: true,
  check,
  byteLength: ({ shape: [outputs, inputs] }, { groupSize }) =>
    outputs * inputs + outputs * (inputs / groupSize) * 2,
  encode,
  decode: decodeIntQuantized,
  decodeActivation: decodeInputScale,
  config: (linears, skipped) => compressedTensorsConfig(NAME, linears, skipped),
  recognise: (config) => recogniseCompressedTensors(NAME, config),
};

function check(linear: LinearInfo, grid: AffineGrid): void {
  if (grid.symmetric) return;
  throw refuseLinear(
    NAME,
    linear,
    `holds symmetric grids only: give ${linear.name} one (--symmetric)`,
  );
}

async function encode(
  weight: QuantizedWeight,
  ops: Ops,
  activation?: ActivationFormat,
): Promise<readonly StoredTensor[]> {
  const { bits, scaleDtype } = weight.grid;
  if (!isSymmetric(ops.downloadBytes(weight.zeros), bits)) {
    throw new SalientError(
      "input",
      `Format ${NAME} needs the zero point ${2 ** (bits - 1)} everywhere`,
    );
  }
  using stack = new DisposableStack();
  const integers = stack.use(await shiftBytes(weight.codes, -(2 ** (bits - 1)), "I8", ops));
  const scale = stack.use(await ops.cast(weight.scales, scaleDtype));
  const stored: StoredTensor[] = [
    { suffix: ".weight", dtype: "I8", tensor: integers },
    { suffix: ".weight_scale", dtype: scaleDtype, tensor: scale },
  ];
  if (activation?.scale !== undefined) {
    const fixed = stack.use(ops.upload(Float32Array.of(activation.scale), "F32", [1]));
    stored.push({ suffix: ".input_scale", dtype: "F32", tensor: fixed });
  }
  stack.move();
  return stored;
}
