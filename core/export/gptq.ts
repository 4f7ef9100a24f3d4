/**
 * The layout of GPTQ checkpoints (AutoGPTQ, GPTQModel). K inputs, N outputs, g inputs in a group, b bits:
 *
 * | tensor | type | shape |
 * |---|---|---|
 * | `.qweight` | I32 | [K*b/32, N]: words along the inputs, in natural order |
 * | `.qzeros` | I32 | [K/g, N*b/32]: words along the outputs |
 * | `.scales` | F16 | [K/g, N] |
 * | `.g_idx` | I32 | [K]: the group of each input, k/g but for act-order |
 *
 * For 4 bits the inputs 0 to 7 with the values 0 to 7 are the word 0x76543210; 3 bits take 32 values in three
 * words. Version 1 stores the zero point less one, so that zero point 8 makes 0x77777777; version 2 stores it
 * as it is, and so does the planar layout of GPTQModel, which cuts 3, 5, 6 and 7 bits into planes that fill whole words.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { LinearInfo } from "../plugin.ts";
import { gptqConfig } from "./gptq_config.ts";
import { decodeGptq } from "./gptq_decode.ts";
import { recogniseGptq } from "./gptq_recognise.ts";
import { groupOwners } from "./group_owners.ts";
import { inverseOrder } from "./inverse_order.ts";
import { packPlanes } from "./pack_planes.ts";
import { packWords } from "./pack_words.ts";
import { refuseLinear } from "./refuse_linear.ts";
import { selectCodes } from "./select_codes.ts";
import { transpose } from "./transpose.ts";
import { transposeTensor } from "./transpose_tensor.ts";
import type { ExportFormat, StoredTensor, StoredWeight } from "./types.ts";

/** The layouts: two ways to store zero points, and the second one in planes of bits. */
export type GptqVersion = "gptq" | "gptq-v2" | "gptq-p";

/** Bits of the layouts that are not planar. */
const BITS: readonly number[] = [2, 3, 4, 8];

/**
 * The format `gptq` (version 1, which every reader knows), `gptq-v2`, or `gptq-p` (planar, of GPTQModel alone). Version
 * 1 cannot hold a zero point of 0: readers do not agree on what it means.
 */
export function makeGptq(version: GptqVersion): ExportFormat {
  return {
    name: version,
    scaleDtype: "F16",
    mixed: true,
    fused: true,
    ordered: true,
    activations: false,
    check: (linear, grid) => check(version, linear, grid),
    byteLength: ({ shape: [outputs, inputs] }, { bits, groupSize }) =>
      outputs * inputs * bits / 8 + outputs * (inputs / groupSize) * (2 + bits / 8) + 4 * inputs,
    encode: (weight, ops) => encode(version, weight, ops),
    decode: (checkpoint, linear, stored, ops) =>
      decodeGptq(version, checkpoint, linear, stored, ops),
    config: (linears, skipped) => gptqConfig(version, linears, skipped),
    recognise: (config) => recogniseGptq(version, config),
  };
}

function check(version: GptqVersion, linear: LinearInfo, grid: AffineGrid): void {
  const [outputs, inputs] = linear.shape;
  const refuse = (text: string): SalientError => refuseLinear(version, linear, text);
  if (version !== "gptq-p" && !BITS.includes(grid.bits)) {
    throw refuse(`holds 2, 3, 4 or 8 bits, not the ${grid.bits} of ${linear.name}`);
  }
  const values = 32 % grid.bits === 0 ? 32 / grid.bits : 32;
  if (inputs % values !== 0 || outputs % values !== 0) {
    throw refuse(
      `packs ${values} integers of ${grid.bits} bits together, which does not divide ` +
        `[${outputs}, ${inputs}] of ${linear.name}: leave that linear plain`,
    );
  }
  if (grid.groupSize !== -1 && inputs % grid.groupSize !== 0) {
    throw refuse(
      `cannot cut the ${inputs} inputs of ${linear.name} into groups of ${grid.groupSize}: use a divisor or -1`,
    );
  }
}

async function encode(
  version: GptqVersion,
  weight: StoredWeight,
  ops: Ops,
): Promise<readonly StoredTensor[]> {
  const [outputs = 0, inputs = 0] = weight.codes.shape;
  const { grid: { bits, groupSize, scaleDtype }, inputOrder } = weight;
  const groups = inputs / groupSize;
  const pack = version === "gptq-p" ? packPlanes : packWords;
  using stack = new DisposableStack();
  using restored = inputOrder && selectCodes(weight.codes, inverseOrder(inputOrder), ops);
  using alongInputs = await pack(restored ?? weight.codes, bits, ops);
  const qweight = stack.use(transposeTensor(alongInputs, ops));
  const zeros = transpose(ops.downloadBytes(weight.zeros), outputs, groups);
  if (version === "gptq") lessOne(zeros);
  using turned = ops.upload(zeros, "U8", [groups, outputs]);
  const qzeros = stack.use(await pack(turned, bits, ops));
  using wide = transposeTensor(weight.scales, ops);
  const scales = stack.use(await ops.cast(wide, scaleDtype));
  const owners = groupOwners(inputs, groupSize, inputOrder);
  const gIdx = stack.use(ops.upload(owners, "I32", [inputs]));
  stack.move();
  return [
    { suffix: ".qweight", dtype: "I32", tensor: qweight },
    { suffix: ".qzeros", dtype: "I32", tensor: qzeros },
    { suffix: ".scales", dtype: scaleDtype, tensor: scales },
    { suffix: ".g_idx", dtype: "I32", tensor: gIdx },
  ];
}

/** The zero points as version 1 stores them. */
function lessOne(zeros: Uint8Array): void {
  if (zeros.includes(0)) {
    throw new SalientError(
      "input",
      "Format gptq stores zero points less one, and one here is 0, which its readers take for different " +
        "things: use gptq-v2, or a symmetric grid",
    );
  }
  for (let i = 0; i < zeros.length; i++) zeros[i]! -= 1;
}
