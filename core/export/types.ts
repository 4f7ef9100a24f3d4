/**
 * What the export room hands to the others.
 *
 * @module
 */

import type { AffineGrid, Ops, QuantizedWeight } from "../backend.ts";
import type { Checkpoint, JsonObject } from "../checkpoint/types.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
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

/** A quantized weight as a checkpoint holds it. Disposing it frees the tensors. */
export interface StoredWeight extends QuantizedWeight {
  /**
   * Where groups are not of neighbouring inputs (act-order): the input of the linear that column j of `codes` belongs to,
   * so that those of a group are side by side. Undefined where column j is input j.
   */
  readonly inputOrder?: Int32Array | undefined;
}

/** A linear that was quantized, as `quantization_config` has to describe it. */
export interface ExportedLinear {
  /** Name, role and shape. */
  readonly info: LinearInfo;
  /** The grid of its weight, `groupSize` resolved. */
  readonly grid: AffineGrid;
  /** How its activations are quantized, where they are. */
  readonly activation?: ActivationFormat;
  /** Whether its groups are not of neighbouring inputs. Default false. */
  readonly ordered?: boolean;
}

/** What a run has to know of a format before there is anything to write. */
export interface LinearFormat {
  /** Its name on the command line, for example `awq-gemm`. */
  readonly name: string;
  /** Type in which it stores scales; `"weight"`: that of the linear's weight in the original. */
  readonly scaleDtype: AffineGrid["scaleDtype"] | "weight";
  /** Whether linears may differ in bits or group size; a run that mixes them is refused otherwise. */
  readonly mixed: boolean;
  /**
   * Whether engines that read it run linears with one input as one matrix (q, k, v; gate, up), so that
   * bits that are chosen must be the same for these. Default false.
   */
  readonly fused?: boolean;
  /** Whether it can hold groups of inputs that are not neighbours. Default false. */
  readonly ordered?: boolean;
  /** Whether it can say how activations are quantized. */
  readonly activations: boolean;
  /** Throws an input error that names the linear if the format cannot hold it. Called before any work. */
  check(linear: LinearInfo, grid: AffineGrid): void;
  /**
   * In what the experts of a block are stored on a grid, where it makes one tensor of those of a role: they must be
   * alike, and bits that are chosen are the same for them. Default: each is stored for itself.
   */
  expertType?(grid: AffineGrid): string;
  /**
   * Bytes of the tensors of one linear on a grid, which the choice of bits under a budget goes by.
   * Default: the bits of the integers as they are, F16 scales, and zero points where the grid has them.
   */
  byteLength?(linear: LinearInfo, grid: AffineGrid): number;
}

/** A way in which quantized linears are stored in a safetensors checkpoint, for reading. */
export interface ReadFormat {
  /** Its name, as `salient inspect` shows it. */
  readonly name: string;
  /** The quantized weight of a linear of an open checkpoint; checks shapes and types. The caller disposes it. */
  decode(
    checkpoint: Checkpoint,
    linear: LinearInfo,
    stored: StoredQuantization,
    ops: Ops,
  ): Promise<StoredWeight>;
  /**
   * How a linear's activations are quantized, with what stands of it beside its weight. Default: what `stored` says.
   */
  decodeActivation?(
    checkpoint: Checkpoint,
    linear: LinearInfo,
    stored: StoredQuantization,
    ops: Ops,
  ): Promise<ActivationFormat | undefined>;
  /**
   * Reads `quantization_config`: undefined if it is another format's,
   * an input error if it is broken. Its `of` need not know which linears are plain: one with a plain `.weight`
   * in the checkpoint is, and is never asked for.
   */
  recognise(config: JsonObject): StoredQuantization | undefined;
}

/** A way to store quantized linears in a safetensors checkpoint, and to read them back. */
export interface ExportFormat extends LinearFormat, ReadFormat {
  /** Its name on the command line. */
  readonly name: string;
  /** Whether its readers divide the activations inside of some MLPs by scales of their own, and want to find them. */
  readonly scalesActivations?: boolean;
  /** The tensors of one linear; `activation` only where the format has `activations`. */
  encode(
    weight: StoredWeight,
    ops: Ops,
    activation?: ActivationFormat,
  ): Promise<readonly StoredTensor[]>;
  /**
   * `quantization_config` of a checkpoint.
   *
   * @param linears Every quantized linear by its full name, in order; never empty. They have one grid
   * (as {@linkcode sharedGrid} says) unless the format is `mixed`.
   * @param skipped Full names of the linears that stay plain, in the blocks and outside of them.
   */
  config(linears: ReadonlyMap<string, ExportedLinear>, skipped: readonly string[]): JsonObject;
}
