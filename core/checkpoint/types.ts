/**
 * What the checkpoint room hands to the others.
 *
 * @module
 */

import type { DType, Tensor } from "../tensor.ts";

/** A value of a JSON file. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of a JSON file. */
export interface JsonObject {
  /** The value of a key; undefined where it is not there. */
  readonly [key: string]: Json | undefined;
}

/** Where a tensor lies. Offsets are from the start of the file, checked against its length. */
export interface TensorEntry {
  /** Name in the checkpoint. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** File name inside the directory. */
  readonly file: string;
  /** First byte, from the start of the file. */
  readonly offset: number;
  /** Length in bytes. */
  readonly byteLength: number;
  /** Name of the blocks that it is stored in, where those are not numbers of `dtype` (GGUF). */
  readonly blocks?: string;
}

/** A checkpoint directory that is open for reading; its files are mapped, never read whole. */
export interface Checkpoint extends Disposable {
  /** The directory. */
  readonly directory: string;
  /** `config.json`. */
  readonly config: JsonObject;
  /** `generation_config.json`, if there is one. */
  readonly generationConfig: JsonObject | undefined;
  /** Every tensor by name, in the order of the files. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** Bytes of all tensors. */
  readonly byteLength: number;
  /** A view of a tensor; an input error that names file and tensor if it is not there. */
  tensor(name: string): Tensor;
  /**
   * The bytes of a tensor in order, a few rows at a time, where `tensor` would have to make it in memory first; undefined
   * where it is a view of the file. A piece is valid until the next one is asked for.
   */
  pieces?(name: string): Iterable<Uint8Array<ArrayBuffer>> | undefined;
  /** Lets the system drop the tensor's pages; views of it stay valid. */
  release(name: string): void;
}

/** A checkpoint directory being written under a temporary name. */
export interface CheckpointWriter extends AsyncDisposable {
  /** Directory it will be. */
  readonly directory: string;
  /** Appends a tensor; `bytes` are its rows in order, in one or several pieces. */
  add(
    name: string,
    dtype: DType,
    shape: readonly number[],
    bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /**
   * Writes a JSON file beside the shards.
   *
   * @param like JSON text whose numbers keep their writing where they stand in `value` too.
   */
  json(name: string, value: Json, like?: string): Promise<void>;
  /** Copies tokenizer, template and generation files from another checkpoint's directory. */
  copyCompanions(from: string): Promise<void>;
  /** Bytes of tensors written so far. */
  readonly byteLength: number;
  /** Temporary directory the files are in until `commit`. */
  readonly temporary: string;
  /**
   * Completes the shards, syncs, and renames the directory into place. `check` is shown the complete
   * directory under its temporary name; if it throws, nothing is renamed.
   */
  commit(check?: (directory: string) => Promise<void>): Promise<void>;
}
