/**
 * What the export room hands to the others.
 *
 * @module
 */

import type { AffineGrid, Ops, QuantizedWeight } from "../backend.ts";
import type { Checkpoint, JsonObject } from "../checkpoint/types.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { DType, Tensor } from "../tensor.ts";

/** A tensor that stands in a file in place of a linear's weight. The receiver disposes it. */
export interface StoredTensor {
  /** Appended to the linear's name, for example `.qweight`. */
  readonly suffix: string;
  /** Element type in the file. */
  readonly dtype: DType;
  /** The values, already of that type. */
  readonly tensor: Tensor;
}

/** A way to store quantized linears in a safetensors checkpoint. */
export interface ExportFormat {
  /** Its name on the command line, for example `awq-gemm`. */
  readonly name: string;
  /** Type in which it stores scales. */
  readonly scaleDtype: AffineGrid["scaleDtype"];
  /** Throws an input error that names the linear if the format cannot hold it. Called before any work. */
  check(linear: LinearInfo, grid: AffineGrid): void;
  /** The tensors of one linear. */
  encode(weight: QuantizedWeight, ops: Ops): Promise<readonly StoredTensor[]>;
  /** The inverse of `encode`, from an open checkpoint; checks shapes and types. The caller disposes it. */
  decode(
    checkpoint: Checkpoint,
    linear: LinearInfo,
    stored: StoredQuantization,
    ops: Ops,
  ): Promise<QuantizedWeight>;
  /** `quantization_config` for a grid; `skipped` names linears that stay plain. */
  config(grid: AffineGrid, skipped: readonly string[]): JsonObject;
  /** Reads `quantization_config`: undefined if it is another format's, an input error if it is broken. */
  recognise(config: JsonObject): StoredQuantization | undefined;
}
