/**
 * Where quantized blocks go.
 *
 * @module
 */

import type { QuantizedWeight } from "../backend.ts";
import type { ActivationFormat } from "../plugin.ts";
import type { BlockEditor } from "./block_editor.ts";
import type { EditedLinear } from "./edited_linear.ts";

/** Takes the blocks of a run, one after the other: a checkpoint on disk, or a model in memory. */
export interface BlockSink extends AsyncDisposable {
  /** Folder for the run's temporary file; undefined for the system's. */
  readonly temporary: string | undefined;
  /** A linear that was quantized. The weight is the caller's. */
  addLinear(
    linear: EditedLinear,
    weight: QuantizedWeight,
    activation?: ActivationFormat,
  ): Promise<void>;
  /**
   * The rest of a block: biases, norms, and linears that stay plain, as the folds left them.
   *
   * @param quantized Roles of the linears that were added before.
   */
  finishBlock(editor: BlockEditor, quantized: ReadonlySet<string>): Promise<void>;
}
