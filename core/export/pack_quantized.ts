/**
 * The layout `pack-quantized` of compressed-tensors. K inputs, N outputs, g inputs in a group, b bits:
 *
 * | tensor | type | shape |
 * |---|---|---|
 * | `.weight_packed` | I32 | [N, ceil(K*b/32)]: words along the inputs, in natural order |
 * | `.weight_scale` | F16 | [N, K/g] |
 * | `.weight_zero_point` | I32 | [ceil(N*b/32), K/g], where the grid is asymmetric: words along the outputs |
 * | `.weight_shape` | I64 | [2]: N and K |
 * | `.weight_g_idx` | I32 | [K]: the group of each input, where those are not neighbours (`actorder` `group`) |
 *
 * Integers are those of our grid: the signed value plus 2^(b-1). For 4 bits the values -8 to -1 are the word
 * 0x76543210.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import type { LinearInfo } from "../plugin.ts";
import { compressedTensorsConfig } from "./compressed_tensors_config.ts";
import { recogniseCompressedTensors } from "./compressed_tensors_recognise.ts";
import { decodePackQuantized } from "./pack_quantized_decode.ts";
import { groupOwners } from "./group_owners.ts";
import { inverseOrder } from "./inverse_order.ts";
import { packWords } from "./pack_words.ts";
import { refuseLinear } from "./refuse_linear.ts";
import { selectCodes } from "./select_codes.ts";
import { transposeTensor } from "./transpose_tensor.ts";
import type { ExportFormat, StoredTensor, StoredWeight } from "./types.ts";

const NAME = "pack-quantized";

/** The `pack-quantized` format: any grid, and several in one checkpoint. */
export const packQuantized: ExportFormat = {
  name: NAME,
  scaleDtype: "F16",
  mixed: true,
  fused: true,
  ordered: true,
  activations: false,
  check,
  byteLength: ({ shape: [outputs, inputs] }, { bits, groupSize, symmetric }) =>
    outputs * Math.ceil(inputs * bits / 32) * 4 + outputs * (inputs / groupSize) * 2 +
    (symmetric ? 0 : Math.ceil(outputs * bits / 32) * 4 * (inputs / groupSize)) + 16,
  encode,
  decode: decodePackQuantized,
  config: (linears, skipped) => compressedTensorsConfig(NAME, linears, skipped),
  recognise: (config) => recogniseCompressedTensors(NAME, config),
};

function check(linear: LinearInfo, grid: AffineGrid): void {
  const inputs = linear.shape[1];
  if (grid.groupSize !== -1 && inputs % grid.groupSize !== 0) {
    throw refuseLinear(
      NAME,
      linear,
      `cannot cut the ${inputs} inputs of ${linear.name} into groups of ${grid.groupSize}: use a divisor or -1`,
    );
  }
}

async function encode(weight: StoredWeight, ops: Ops): Promise<readonly StoredTensor[]> {
  const { grid: { bits, groupSize, symmetric, scaleDtype }, inputOrder } = weight;
  using stack = new DisposableStack();
  using restored = inputOrder && selectCodes(weight.codes, inverseOrder(inputOrder), ops);
  const packed = stack.use(await packWords(restored ?? weight.codes, bits, ops));
  const scale = stack.use(await ops.cast(weight.scales, scaleDtype));
  const shape = stack.use(
    ops.upload(BigInt64Array.from(weight.codes.shape, (length) => BigInt(length)), "I64", [2]),
  );
  const stored: StoredTensor[] = [
    { suffix: ".weight_packed", dtype: "I32", tensor: packed },
    { suffix: ".weight_scale", dtype: scaleDtype, tensor: scale },
    { suffix: ".weight_shape", dtype: "I64", tensor: shape },
  ];
  if (!symmetric) {
    using turned = transposeTensor(weight.zeros, ops);
    using words = await packWords(turned, bits, ops);
    const zeros = stack.use(transposeTensor(words, ops));
    stored.push({ suffix: ".weight_zero_point", dtype: "I32", tensor: zeros });
  }
  if (inputOrder !== undefined) {
    const owners = groupOwners(inputOrder.length, groupSize, inputOrder);
    const tensor = stack.use(ops.upload(owners, "I32", [owners.length]));
    stored.push({ suffix: ".weight_g_idx", dtype: "I32", tensor });
  }
  stack.move();
  return stored;
}
