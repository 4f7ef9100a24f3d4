/**
 * Writes the blocks of a run.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import { transposeTensor } from "../export/transpose_tensor.ts";
import type { ModelOutput } from "../output/model_output.ts";
import type { ActivationFormat } from "../plugin.ts";
import type { BlockEditor } from "./block_editor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import type { BlockSink } from "./block_sink.ts";

/** Streams blocks to a {@linkcode ModelOutput}. */
export class OutputSink implements BlockSink {
  readonly temporary: string;
  readonly #output: ModelOutput;
  readonly #ops: Ops;

  /** Writes to an output, which stays the caller's. */
  constructor(output: ModelOutput, ops: Ops) {
    this.#output = output;
    this.#ops = ops;
    this.temporary = output.temporary;
  }

  async addLinear(
    { info }: EditedLinear,
    weight: QuantizedWeight,
    activation?: ActivationFormat,
  ): Promise<void> {
    await this.#output.addLinear(info, weight, activation);
  }

  async finishBlock(editor: BlockEditor, quantized: ReadonlySet<string>): Promise<void> {
    for (const [key, linear] of editor.linears) {
      const { name } = linear.info;
      if (linear.changed && !quantized.has(key)) {
        await this.#addWeight(linear);
      }
      if (linear.biasChanged && linear.bias !== undefined) {
        await this.#output.addChanged(`${name}.bias`, linear.bias);
      }
    }
    for (const [role, { name, weight, bias }] of editor.norms) {
      if (!editor.isNormChanged(role)) continue;
      await this.#output.addChanged(`${name}.weight`, weight);
      if (bias !== undefined) await this.#output.addChanged(`${name}.bias`, bias);
    }
    await this.#output.copy(`${editor.view.name}.`);
  }

  /** A weight as the checkpoint stores it. */
  async #addWeight({ info, weight }: EditedLinear): Promise<void> {
    const name = `${info.name}.weight`;
    if (info.transposed !== true) return await this.#output.addChanged(name, weight);
    using stored = transposeTensor(weight, this.#ops);
    await this.#output.addChanged(name, stored);
  }

  /** Nothing: what is written is removed by whoever owns the output. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
