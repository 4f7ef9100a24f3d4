/**
 * Writes quantized blocks to a checkpoint.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import type { Checkpoint, CheckpointWriter } from "../checkpoint/types.ts";
import { openCheckpoint } from "../checkpoint/open_checkpoint.ts";
import { SalientError } from "../errors.ts";
import { recogniseFormat } from "../export/formats.ts";
import type { ExportFormat, StoredTensor } from "../export/types.ts";
import { digestQuantized, type QuantizedDigest, verifyLinear } from "../export/verify.ts";
import type { Model } from "../model/model.ts";
import { RotatedModel } from "../rotation/rotated_model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import type { BlockEditor, EditedLinear } from "./block_editor.ts";
import type { BlockSink, SinkSummary } from "./block_sink.ts";
import { castable } from "./fold_factors.ts";
import { tensorBytes } from "./tensor_bytes.ts";

/** What a checkpoint sink writes with. */
export interface CheckpointSinkOptions {
  /** The model that is quantized. */
  readonly model: Model;
  /** Operations on tensors. */
  readonly ops: Ops;
  /** How linears are stored. */
  readonly format: ExportFormat;
  /** Takes the tensors. Disposed with the sink. */
  readonly writer: CheckpointWriter;
  /** Called from time to time: hands memory back where it is short. */
  readonly relieve: () => void;
}

/** Pieces of 4 MiB after which the pages of a tensor that is copied are let go. */
const RELEASE_EVERY = 4;

/** Streams blocks, and at the end everything else of the model, to a {@linkcode CheckpointWriter}. */
export class CheckpointSink implements BlockSink {
  /** Folder of the files until they are complete. */
  readonly temporary: string;
  readonly #options: CheckpointSinkOptions;
  readonly #copied = new Set<string>();
  readonly #digests: { readonly linear: LinearInfo; readonly expected: QuantizedDigest }[] = [];

  /** The last linear on its way to the file, beside the work on the next one. */
  #writing: Promise<void> = Promise.resolve();

  /** Writes to a writer, which it disposes. */
  constructor(options: CheckpointSinkOptions) {
    this.#options = options;
    this.temporary = options.writer.temporary;
  }

  async addLinear({ info }: EditedLinear, weight: QuantizedWeight): Promise<void> {
    const { format, ops } = this.#options;
    await this.#writing; // one at a time, so that the words of one linear are in memory
    const stored = await named(info.name, () => format.encode(weight, ops));
    this.#writing = this.#write(info.name, stored);
    this.#writing.catch(() => {}); // whoever waits for it hears of it
    this.#copied.add(`${info.name}.weight`);
    this.#digests.push({ linear: info, expected: digestQuantized(weight, ops) });
  }

  async finishBlock(editor: BlockEditor, quantized: ReadonlySet<string>): Promise<void> {
    await this.#writing;
    for (const [role, linear] of editor.linears) {
      const { name } = linear.info;
      if (linear.changed && !quantized.has(role)) {
        await this.#addChanged(`${name}.weight`, linear.weight);
      }
      if (linear.biasChanged && linear.bias !== undefined) {
        await this.#addChanged(`${name}.bias`, linear.bias);
      }
    }
    for (const [role, { name, weight }] of editor.norms) {
      if (editor.isNormChanged(role)) await this.#addChanged(`${name}.weight`, weight);
    }
    await this.#copy((name) => name.startsWith(`${editor.view.name}.`));
  }

  /** Copies what no block has written, and adds the configuration and the files beside the weights. */
  async finish(summary: SinkSummary): Promise<void> {
    const { model, format, writer } = this.#options;
    if (model instanceof RotatedModel) {
      for await (const { name, dtype, shape, bytes } of model.ends()) {
        await writer.add(name, dtype, shape, bytes);
        this.#copied.add(name);
      }
    }
    await this.#copy(() => true);
    await writer.json("config.json", {
      ...model.rawConfig,
      quantization_config: format.config(summary.linears, summary.skipped),
    });
    await writer.copyCompanions(model.directory);
  }

  /**
   * Opens what was written, compares every linear with what was meant, and gives the directory its
   * name.
   *
   * @throws {SalientError} `failed`, naming the linear that differs.
   */
  async commit(): Promise<void> {
    await this.#options.writer.commit((directory) => this.#verify(directory));
  }

  async #verify(directory: string): Promise<void> {
    const { model, ops, format, relieve } = this.#options;
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
      if (linear.block !== block) relieve();
      block = linear.block;
      await verifyLinear({ checkpoint, linear, format, stored, expected, ops });
      for (const name of checkpoint.entries.keys()) {
        if (name.startsWith(`${linear.name}.`)) checkpoint.release(name);
      }
    }
  }

  /** Removes what was written, unless the writer has committed it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.writer[Symbol.asyncDispose]();
    await this.#writing.catch(() => {}); // it was told to whom it concerns
  }

  /** Writes a linear's tensors and frees them. */
  async #write(name: string, stored: readonly StoredTensor[]): Promise<void> {
    const { ops, writer } = this.#options;
    using stack = new DisposableStack();
    for (const { tensor } of stored) stack.use(tensor);
    for (const { suffix, dtype, tensor } of stored) {
      await writer.add(name + suffix, dtype, tensor.shape, tensorBytes(ops, tensor));
    }
  }

  /** A changed tensor, in the type of the original. */
  async #addChanged(name: string, tensor: Tensor): Promise<void> {
    const { model, ops, writer } = this.#options;
    const dtype = castable(model.checkpoint.entries.get(name)?.dtype ?? tensor.dtype);
    using cast = await ops.cast(tensor, dtype);
    await writer.add(name, dtype, tensor.shape, tensorBytes(ops, cast));
    this.#copied.add(name);
  }

  async #copy(isWanted: (name: string) => boolean): Promise<void> {
    const { model: { checkpoint }, ops, writer } = this.#options;
    for (const { name, dtype, shape } of checkpoint.entries.values()) {
      if (this.#copied.has(name) || !isWanted(name)) continue;
      using tensor = checkpoint.tensor(name);
      await writer.add(name, dtype, shape, releasing(checkpoint, name, tensorBytes(ops, tensor)));
      checkpoint.release(name);
      this.#copied.add(name);
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

/** Passes pieces of a tensor on and lets its pages go as they are done. */
function* releasing<T>(checkpoint: Checkpoint, name: string, pieces: Iterable<T>): Generator<T> {
  let count = 0;
  for (const piece of pieces) {
    yield piece;
    if (++count % RELEASE_EVERY === 0) checkpoint.release(name);
  }
}
