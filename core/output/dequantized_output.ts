/**
 * Writes plain checkpoints of quantized weights.
 *
 * @module
 */

import { createCheckpointWriter } from "../checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../checkpoint/open_checkpoint.ts";
import type { Ops } from "../backend.ts";
import type { CheckpointWriter } from "../checkpoint/types.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import { transposeTensor } from "../export/transpose_tensor.ts";
import { Checksum } from "../export/checksum.ts";
import { inverseOrder } from "../export/inverse_order.ts";
import type { StoredWeight } from "../export/types.ts";
import { castable } from "../pipeline/fold_factors.ts";
import { rowPieces } from "../pipeline/map_rows.ts";
import { TENSOR_PIECE, tensorBytes } from "../pipeline/tensor_bytes.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelOutput, OutputFormat, OutputOptions, StreamedTensor } from "./model_output.ts";
import { activationScales } from "../model/activation_scales.ts";
import { PlainCopy } from "./plain_copy.ts";
import { writeCompanions } from "./write_companions.ts";
import { writeConfig } from "./write_config.ts";
import { plainDtype } from "./plain_dtype.ts";

/**
 * The format `dequantized`: (q - zero) * scale in the element type of the original, for programs that know no
 * quantization. It holds any grid. Where that type is not F32, values are rounded to it.
 */
export const dequantizedOutput: OutputFormat = {
  name: "dequantized",
  scaleDtype: "F16",
  mixed: true,
  ordered: true,
  activations: false,
  check: () => {},
  isExact: () => false,
  byteLength: ({ shape: [outputs, inputs], dtype }) => outputs * inputs * (dtype === "F32" ? 4 : 2),
  create: async (options) => {
    const { shardBytes, temporary } = options;
    const limit = shardBytes === undefined ? {} : { shardBytes };
    const writer = await createCheckpointWriter(options.out, { ...limit, temporary });
    return new DequantizedOutput(writer, options);
  },
};

class DequantizedOutput implements ModelOutput {
  readonly temporary: string;
  readonly #writer: CheckpointWriter;
  readonly #options: OutputOptions;
  readonly #plain: PlainCopy;
  readonly #sums = new Map<string, string>();

  constructor(writer: CheckpointWriter, options: OutputOptions) {
    this.#writer = writer;
    this.#options = options;
    this.#plain = new PlainCopy(writer, options);
    this.temporary = writer.temporary;
  }

  get byteLength(): number {
    return this.#writer.byteLength;
  }

  async addLinear(info: LinearInfo, weight: StoredWeight): Promise<void> {
    const { model, ops } = this.#options;
    const name = `${info.name}.weight`;
    const dtype = castable(plainDtype(model, info));
    if (info.transposed === true) {
      using plain = await plainRows(ops, weight, dtype);
      using turned = transposeTensor(plain, ops);
      await this.#writer.add(name, dtype, turned.shape, tensorBytes(ops, turned));
      this.#sums.set(name, this.#sum(turned));
    } else {
      const sum = new Checksum();
      const bytes = plainBytes(ops, weight, dtype, sum);
      await this.#writer.add(name, dtype, weight.codes.shape, bytes);
      this.#sums.set(name, sum.text);
    }
    this.#plain.replaceLinear(info.name);
  }

  addChanged(name: string, tensor: Tensor): Promise<void> {
    return this.#plain.addChanged(name, tensor);
  }

  addStream(tensor: StreamedTensor): Promise<void> {
    return this.#plain.addStream(tensor);
  }

  copy(prefix: string): Promise<void> {
    return this.#plain.copy(prefix);
  }

  async finish(): Promise<void> {
    const { model } = this.#options;
    for (const { name } of activationScales(model.architecture)) this.#plain.leaveOut(name);
    await this.copy("");
    const { quantization_config: _, compression_config: __, ...config } = model.rawConfig;
    await writeConfig(this.#writer, model, config);
    await writeCompanions(this.#writer, model.directory);
  }

  async commit(): Promise<void> {
    await this.#writer.commit((directory) => this.#verify(directory));
  }

  async #verify(directory: string): Promise<void> {
    using checkpoint = await openCheckpoint(directory, this.#options.model.backend);
    for (const [name, expected] of this.#sums) {
      using tensor = checkpoint.tensor(name);
      if (this.#sum(tensor) !== expected) {
        throw new SalientError(
          "failed",
          `Tensor ${name} in ${directory} does not read back as it was meant; write it again`,
          { file: directory, tensor: name },
        );
      }
      checkpoint.release(name);
    }
  }

  #sum(tensor: Tensor): string {
    const sum = new Checksum();
    for (const bytes of tensorBytes(this.#options.ops, tensor)) sum.add(bytes);
    return sum.text;
  }

  /** Removes what was written, unless it was committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
  }
}

/** The numbers of a weight, or of some of its rows. The caller disposes them. */
async function plainRows(
  ops: Ops,
  weight: StoredWeight,
  dtype: "F32" | "F16" | "BF16",
): Promise<Tensor> {
  const { inputOrder } = weight;
  using wide = await ops.dequantize(weight);
  using restored = inputOrder && await ops.selectColumns(wide, inverseOrder(inputOrder));
  return await ops.cast(restored ?? wide, dtype);
}

/** The bytes of a weight's numbers, never more than some rows at a time, cut as {@linkcode tensorBytes} cuts them. */
async function* plainBytes(
  ops: Ops,
  weight: StoredWeight,
  dtype: "F32" | "F16" | "BF16",
  sum: Checksum,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { shape, size } = weight.codes;
  for (const { start, count } of rowPieces({ shape, size, dtype }, TENSOR_PIECE)) {
    using codes = ops.rows(weight.codes, start, count);
    using scales = ops.rows(weight.scales, start, count);
    using zeros = ops.rows(weight.zeros, start, count);
    using plain = await plainRows(ops, { ...weight, codes, scales, zeros }, dtype);
    const bytes = ops.downloadBytes(plain);
    sum.add(bytes);
    yield bytes;
    discard(bytes);
  }
}
