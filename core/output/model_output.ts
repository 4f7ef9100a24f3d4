/**
 * What writes a model.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import type { ExportedLinear, LinearFormat, StoredWeight } from "../export/types.ts";
import type { Model } from "../model/model.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import type { DType, Tensor } from "../tensor.ts";

/** What is known when all blocks are done. */
export interface OutputSummary {
  /** Every quantized linear by its full name, in order. */
  readonly linears: ReadonlyMap<string, ExportedLinear>;
  /** Full names of the linears that stay plain. */
  readonly skipped: readonly string[];
}

/** A tensor whose bytes come in pieces. */
export interface StreamedTensor {
  /** Its full name. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Its rows in order. */
  readonly bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * A model being written under a temporary name. Linears and changed tensors come in any order; what comes from
 * nobody is copied from the model.
 */
export interface ModelOutput extends AsyncDisposable {
  /** Folder for a run's temporary file. */
  readonly temporary: string;
  /** Bytes of tensors so far. */
  readonly byteLength: number;
  /** A linear that is quantized. The weight is the caller's. */
  addLinear(
    linear: LinearInfo,
    weight: StoredWeight,
    activation?: ActivationFormat,
  ): Promise<void>;
  /** A tensor of the model that has changed, by its full name. It is the caller's. */
  addChanged(name: string, tensor: Tensor): Promise<void>;
  /** A tensor that stands in for one of the model's, or is new, in pieces of bytes. */
  addStream(tensor: StreamedTensor): Promise<void>;
  /** Copies the model's tensors whose names begin so, where nothing came for them. */
  copy(prefix: string): Promise<void>;
  /** Copies whatever is left, and adds what stands beside the tensors. */
  finish(summary: OutputSummary): Promise<void>;
  /**
   * Opens what was written, compares it with what was meant, and gives it its name.
   *
   * @throws {SalientError} `failed`, naming what differs.
   */
  commit(): Promise<void>;
}

/** What an output is made with. */
export interface OutputOptions {
  /** The model that is written anew. */
  readonly model: Model;
  /** Operations on tensors. */
  readonly ops: Ops;
  /** The directory, or the file, to be. It must not exist; a directory may be empty. */
  readonly out: string;
  /** Bytes of tensors after which a new file is begun, where there may be several. */
  readonly shardBytes?: number | undefined;
  /** Where it is written until it has its name: a path on the disk of `out`, at which nothing is. Default: beside `out`. */
  readonly temporary?: string | undefined;
  /** Called from time to time: hands memory back where it is short. */
  readonly relieve?: () => void;
  /** Takes words for the user. */
  readonly warn?: (message: string) => void;
}

/** What `--format` names: a form in which a whole model is written. */
export interface OutputFormat extends LinearFormat {
  /** Whether integers, scales and zero points of a grid that it holds can be read back as they were. */
  isExact(grid: AffineGrid): boolean;
  /** Begins to write; whatever can be refused is refused now. The caller disposes the output. */
  create(options: OutputOptions): Promise<ModelOutput>;
}
