/**
 * Writes the blocks of a run.
 *
 * @module
 */

import type { QuantizedWeight } from "../backend.ts";
import type { ModelOutput } from "../output/model_output.ts";
import type { ActivationFormat } from "../plugin.ts";
import type { BlockEditor } from "./block_editor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import type { BlockSink } from "./block_sink.ts";

/** Streams blocks to a {@linkcode ModelOutput}. */
export class OutputSink implements BlockSink {
  readonly temporary: string;
  readonly #output: ModelOutput;

  /** Writes to an output, which stays the caller's. */
  constructor(output: ModelOutput) {
    this.#output = output;
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
    for (const [role, linear] of editor.linears) {
      const { name } = linear.info;
      if (linear.changed && !quantized.has(role)) {
        await this.#output.addChanged(`${name}.weight`, linear.weight);
      }
      if (linear.biasChanged && linear.bias !== undefined) {
        await this.#output.addChanged(`${name}.bias`, linear.bias);
      }
    }
    for (const [role, { name, weight }] of editor.norms) {
      if (editor.isNormChanged(role)) await this.#output.addChanged(`${name}.weight`, weight);
    }
    await this.#output.copy(`${editor.view.name}.`);
  }

  /** Nothing: what is written is removed by whoever owns the output. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
