/**
 * Writes safetensors checkpoints.
 *
 * @module
 */

import { createCheckpointWriter } from "../checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../checkpoint/open_checkpoint.ts";
import type { CheckpointWriter, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { recogniseFormat } from "../export/formats.ts";
import type { ExportFormat, StoredTensor, StoredWeight } from "../export/types.ts";
import { digestQuantized, type QuantizedDigest, verifyLinear } from "../export/verify.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import { activationScales } from "../model/activation_scales.ts";
import type {
  ModelOutput,
  OutputFormat,
  OutputOptions,
  OutputSummary,
  StreamedTensor,
} from "./model_output.ts";
import { outsideLinears } from "./outside_linears.ts";
import { PlainCopy } from "./plain_copy.ts";
import { writeCompanions } from "./write_companions.ts";
import { writeConfig } from "./write_config.ts";
import { tensorBytes } from "../pipeline/tensor_bytes.ts";
import type { Tensor } from "../tensor.ts";

/** A format of linears as the format of a checkpoint directory. */
export function checkpointOutput(format: ExportFormat): OutputFormat {
  return {
    name: format.name,
    scaleDtype: format.scaleDtype,
    mixed: format.mixed,
    fused: format.fused ?? false,
    ordered: format.ordered ?? false,
    activations: format.activations,
    check: (linear, grid) => format.check(linear, grid),
    ...(format.byteLength === undefined ? {} : {
      byteLength: (linear, grid) => format.byteLength?.(linear, grid) ?? 0,
    }),
    isExact: () => true,
    create: async (options) => {
      const { shardBytes, temporary } = options;
      const limit = shardBytes === undefined ? {} : { shardBytes };
      const writer = await createCheckpointWriter(options.out, { ...limit, temporary });
      return new CheckpointOutput(format, writer, options);
    },
  };
}

/** Streams tensors to a {@linkcode CheckpointWriter}, which it owns. */
class CheckpointOutput implements ModelOutput {
  readonly temporary: string;
  readonly #format: ExportFormat;
  readonly #writer: CheckpointWriter;
  readonly #options: OutputOptions;
  readonly #plain: PlainCopy;
  readonly #digests: { readonly linear: LinearInfo; readonly expected: QuantizedDigest }[] = [];

  /** The last linear on its way to the file, beside the work on the next one. */
  #writing: Promise<void> = Promise.resolve();

  constructor(format: ExportFormat, writer: CheckpointWriter, options: OutputOptions) {
    this.#format = format;
    this.#writer = writer;
    this.#options = options;
    this.#plain = new PlainCopy(writer, options);
    this.temporary = writer.temporary;
  }

  get byteLength(): number {
    return this.#writer.byteLength;
  }

  async addLinear(
    info: LinearInfo,
    weight: StoredWeight,
    activation?: ActivationFormat,
  ): Promise<void> {
    const { ops } = this.#options;
    await this.#writing; // one at a time, so that the words of one linear are in memory
    const stored = await named(info.name, () => this.#format.encode(weight, ops, activation));
    this.#writing = this.#write(info.name, stored);
    this.#writing.catch(() => {}); // whoever waits for it hears of it
    this.#plain.replaceLinear(info.name);
    this.#digests.push({ linear: info, expected: digestQuantized(weight, ops, activation) });
  }

  async addChanged(name: string, tensor: Tensor): Promise<void> {
    await this.#writing;
    await this.#plain.addChanged(name, tensor);
  }

  async addStream(tensor: StreamedTensor): Promise<void> {
    await this.#writing;
    await this.#plain.addStream(tensor);
  }

  async copy(prefix: string): Promise<void> {
    await this.#writing;
    await this.#plain.copy(prefix);
  }

  async finish({ linears, skipped }: OutputSummary): Promise<void> {
    const { model } = this.#options;
    await this.#addActivationScales();
    await this.copy("");
    const { compression_config: _, ...config } = model.rawConfig;
    const plain = [...skipped, ...outsideLinears(model)];
    const quantization: JsonObject = this.#format.config(linears, plain);
    await writeConfig(this.#writer, model, { ...config, quantization_config: quantization });
    await writeCompanions(this.#writer, model.directory);
  }

  /** Ones where readers look for scales of activations; those of the original, which are ones too, go nowhere else. */
  async #addActivationScales(): Promise<void> {
    for (const { name, length } of activationScales(this.#options.model.architecture)) {
      if (this.#format.scalesActivations !== true) {
        this.#plain.leaveOut(name);
        continue;
      }
      const bytes = new Uint8Array(new Float16Array(length).fill(1).buffer);
      await this.addStream({ name, dtype: "F16", shape: [length], bytes: [bytes] });
    }
  }

  async commit(): Promise<void> {
    await this.#writer.commit((directory) => this.#verify(directory));
  }

  async #verify(directory: string): Promise<void> {
    const { model, ops, relieve } = this.#options;
    const format = this.#format;
    using checkpoint = await openCheckpoint(directory, model.backend);
    const recognised = recogniseFormat(checkpoint.config);
    if (recognised?.format.name !== format.name) {
      throw new SalientError("failed", `Format ${format.name} does not read what it has written`, {
        file: directory,
      });
    }
    const { stored } = recognised;
    let block = 0;
    for (const { linear, expected } of this.#digests) {
      if (linear.block !== block) relieve?.();
      block = linear.block;
      await verifyLinear({ checkpoint, linear, format, stored, expected, ops });
      for (const name of checkpoint.entries.keys()) {
        if (name.startsWith(`${linear.name}.`)) checkpoint.release(name);
      }
    }
  }

  /** Removes what was written, unless it was committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
    await this.#writing.catch(() => {}); // it was told to whom it concerns
  }

  /** Writes a linear's tensors and frees them. */
  async #write(name: string, stored: readonly StoredTensor[]): Promise<void> {
    using stack = new DisposableStack();
    for (const { tensor } of stored) stack.use(tensor);
    for (const { suffix, dtype, tensor } of stored) {
      const bytes = tensorBytes(this.#options.ops, tensor);
      await this.#writer.add(name + suffix, dtype, tensor.shape, bytes);
    }
  }
}

/** What a format cannot hold shows only in the integers sometimes; the error names the linear then. */
async function named<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof SalientError) || cause.tensor !== undefined) throw cause;
    throw new SalientError(cause.code, `Linear ${name}: ${cause.message}`, { tensor: name, cause });
  }
}
