/**
 * An output whose blocks are written into a journal too.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { StoredWeight } from "../export/types.ts";
import type { ModelOutput, OutputSummary, StreamedTensor } from "../output/model_output.ts";
import { castable } from "../pipeline/fold_factors.ts";
import { tensorBytes } from "../pipeline/tensor_bytes.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { codeBytes, packCodes } from "./code_bytes.ts";
import type { RunJournal } from "./run_journal.ts";

/**
 * Passes everything on to an output, which stays the caller's, and remembers it in a journal: whatever the output is, it
 * can be given the same once more.
 */
export class JournaledOutput implements ModelOutput {
  readonly temporary: string;
  readonly #output: ModelOutput;
  readonly #journal: RunJournal;
  readonly #ops: Ops;

  /** Writes to both. */
  constructor(output: ModelOutput, journal: RunJournal, ops: Ops) {
    this.temporary = output.temporary;
    this.#output = output;
    this.#journal = journal;
    this.#ops = ops;
  }

  get byteLength(): number {
    return this.#output.byteLength;
  }

  async addLinear(
    info: LinearInfo,
    weight: StoredWeight,
    activation?: ActivationFormat,
  ): Promise<void> {
    await this.#output.addLinear(info, weight, activation);
    const { grid, codes, scales, zeros } = weight;
    const { bits, groupSize, symmetric, scaleDtype, range } = grid;
    const ops = this.#ops;
    function* payload(): Generator<Uint8Array> {
      yield packCodes(ops.downloadBytes(codes), bits);
      yield ops.downloadBytes(scales);
      yield packCodes(ops.downloadBytes(zeros), bits);
    }
    const length = codeBytes(codes.size, bits) + scales.byteLength + codeBytes(zeros.size, bits);
    const record = {
      type: "linear" as const,
      name: info.name,
      grid: { bits, groupSize, symmetric, scaleDtype, range },
      ...(activation === undefined ? {} : { activation }),
    };
    await this.#journal.append(record, payload(), length);
  }

  async addChanged(name: string, tensor: Tensor): Promise<void> {
    await this.#output.addChanged(name, tensor);
    const { shape, byteLength } = tensor;
    const dtype = castable(tensor.dtype);
    if (dtype !== tensor.dtype) {
      const message = `Tensor ${name} of type ${tensor.dtype} cannot be journaled`;
      throw new SalientError("failed", message, { tensor: name });
    }
    const record = { type: "tensor" as const, name, dtype, shape: [...shape] };
    await this.#journal.append(record, tensorBytes(this.#ops, tensor), byteLength);
  }

  async copy(prefix: string): Promise<void> {
    await this.#output.copy(prefix);
    await this.#journal.append({ type: "copy", prefix });
  }

  /** Only passed on: it belongs to no block. */
  async addStream(tensor: StreamedTensor): Promise<void> {
    await this.#output.addStream(tensor);
  }

  /** Only passed on. */
  async finish(summary: OutputSummary): Promise<void> {
    await this.#output.finish(summary);
  }

  /** Only passed on. */
  async commit(): Promise<void> {
    await this.#output.commit();
  }

  /** Nothing: output and journal are the caller's. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
