/**
 * Copies the plain tensors of a model.
 *
 * @module
 */

import type { CheckpointWriter } from "../checkpoint/types.ts";
import { castable } from "../pipeline/fold_factors.ts";
import { tensorBytes } from "../pipeline/tensor_bytes.ts";
import type { Tensor } from "../tensor.ts";
import type { OutputOptions, StreamedTensor } from "./model_output.ts";
import { releasing } from "./releasing.ts";

/** Knows which tensors of a model are written already, and copies the others as they are. */
export class PlainCopy {
  readonly #writer: CheckpointWriter;
  readonly #options: Pick<OutputOptions, "model" | "ops">;
  readonly #done = new Set<string>();

  /** Copies to a writer, which stays the caller's. */
  constructor(writer: CheckpointWriter, options: Pick<OutputOptions, "model" | "ops">) {
    this.#writer = writer;
    this.#options = options;
  }

  /** Leaves out everything that the model stores for a linear, but its bias. */
  replaceLinear(name: string): void {
    this.#done.add(`${name}.weight`);
    for (const each of this.#options.model.checkpoint.entries.keys()) {
      if (each.startsWith(`${name}.`) && each !== `${name}.bias`) this.#done.add(each);
    }
  }

  /** Leaves out one tensor of the model. */
  leaveOut(name: string): void {
    this.#done.add(name);
  }

  /** Writes a tensor that differs from the model's, in the type of the original. */
  async addChanged(name: string, tensor: Tensor): Promise<void> {
    const { model, ops } = this.#options;
    const dtype = castable(model.checkpoint.entries.get(name)?.dtype ?? tensor.dtype);
    using cast = await ops.cast(tensor, dtype);
    await this.#writer.add(name, dtype, tensor.shape, tensorBytes(ops, cast));
    this.#done.add(name);
  }

  /** Writes a tensor that stands in for one of the model's, or is new. */
  async addStream({ name, dtype, shape, bytes }: StreamedTensor): Promise<void> {
    await this.#writer.add(name, dtype, shape, bytes);
    this.#done.add(name);
  }

  /** Copies what is not written yet among the tensors whose names begin so. */
  async copy(prefix: string): Promise<void> {
    const { model: { checkpoint }, ops } = this.#options;
    for (const { name, dtype, shape } of checkpoint.entries.values()) {
      if (this.#done.has(name) || !name.startsWith(prefix)) continue;
      const pieces = checkpoint.pieces?.(name);
      using tensor = pieces === undefined ? checkpoint.tensor(name) : undefined;
      const whole = tensor === undefined ? pieces ?? [] : tensorBytes(ops, tensor);
      const bytes = releasing(checkpoint, name, whole);
      await this.#writer.add(name, dtype, shape, bytes);
      checkpoint.release(name);
      this.#done.add(name);
    }
  }
}
