/**
 * GGUF files that are open.
 *
 * @module
 */

import type { Backend, MappedFile } from "../backend.ts";
import type { Checkpoint, JsonObject, TensorEntry } from "../checkpoint/types.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { dequantizeBlocks } from "./dequantize_blocks.ts";
import { GGML_TYPES, type GgmlType } from "./ggml_type.ts";

const PIECE = 2 ** 22;

/** Where a tensor is, and what has to be done to it. */
export interface GgufSource {
  /** The file. */
  readonly mapped: MappedFile;
  /** How it is stored. */
  readonly type: GgmlType;
  /** First byte, from the start of the file. */
  readonly offset: number;
  /** Where row n of Hugging Face's lies in the file; undefined where it is row n. */
  readonly rowOf: ((n: number) => number) | undefined;
}

/** What a {@linkcode GgufCheckpoint} is made of. */
export interface GgufParts {
  /** The file, or the first of several. */
  readonly path: string;
  /** The configuration that its metadata stand for. */
  readonly config: JsonObject;
  /** Its tensors by Hugging Face's names. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** Where each of them is. */
  readonly sources: ReadonlyMap<string, GgufSource>;
  /** Holds tensors. */
  readonly backend: Backend;
  /** Freed with the checkpoint. */
  readonly owned: DisposableStack;
}

/** A model in GGUF files as a checkpoint: blocks become F32 when a tensor is asked for. */
export class GgufCheckpoint implements Checkpoint {
  readonly directory: string;
  readonly config: JsonObject;
  readonly generationConfig = undefined;
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly byteLength: number;
  readonly #parts: GgufParts;

  /** Takes over `owned`. */
  constructor(parts: GgufParts) {
    this.directory = parts.path;
    this.config = parts.config;
    this.entries = parts.entries;
    this.byteLength = [...parts.entries.values()].reduce((sum, each) => sum + each.byteLength, 0);
    this.#parts = parts;
  }

  tensor(name: string): Tensor {
    const { entry, source } = this.#find(name);
    const { backend } = this.#parts;
    const { mapped } = source;
    if (GGML_TYPES[source.type].values === 1 && source.rowOf === undefined) {
      return mapped.tensor(source.offset, entry.dtype, entry.shape);
    }
    const rows = entry.shape[0] ?? 1;
    const size = entry.shape.reduce((product, length) => product * length, 1);
    const values = new Float32Array(size);
    const [stride, width] = [entry.byteLength / rows, size / rows];
    const step = Math.max(1, Math.floor(PIECE / stride));
    for (let start = 0; start < rows; start += step) {
      const count = Math.min(step, rows - start);
      using part = mapped.tensor(source.offset + start * stride, "U8", [count * stride]);
      const read = dequantizeBlocks(source.type, backend.downloadBytes(part));
      values.set(read, start * width);
    }
    const ordered = source.rowOf === undefined ? values : reorder(values, width, source.rowOf);
    if (entry.dtype === "F32") return backend.upload(ordered, "F32", entry.shape);
    // Turned rows of a plain tensor: the values came from this type and go back to it unchanged.
    const narrow = entry.dtype === "F16" ? new Float16Array(ordered) : upperHalves(ordered);
    return backend.upload(narrow, entry.dtype, entry.shape);
  }

  /** The blocks of a tensor as they are, whole rows of them in the order of Hugging Face's. */
  blocks(name: string): { readonly type: GgmlType; readonly bytes: Uint8Array<ArrayBuffer> } {
    const { entry, source: { mapped, type, offset, rowOf } } = this.#find(name);
    using stored = mapped.tensor(offset, "U8", [entry.byteLength]);
    const bytes = this.#parts.backend.downloadBytes(stored);
    if (rowOf === undefined) return { type, bytes };
    return { type, bytes: reorder(bytes, bytes.length / (entry.shape[0] ?? 1), rowOf) };
  }

  release(name: string): void {
    const { entry, source } = this.#find(name);
    source.mapped.release(source.offset, entry.byteLength);
  }

  #find(name: string): { readonly entry: TensorEntry; readonly source: GgufSource } {
    const [entry, source] = [this.entries.get(name), this.#parts.sources.get(name)];
    if (this.#parts.owned.disposed) {
      throw new SalientError("failed", `Checkpoint ${this.directory} was used after it was closed`);
    }
    if (entry !== undefined && source !== undefined) return { entry, source };
    throw new SalientError(
      "input",
      `Tensor ${
        showName(name)
      } is missing from ${this.directory}: the file is incomplete or of another architecture`,
      { file: this.directory, tensor: name },
    );
  }

  [Symbol.dispose](): void {
    this.#parts.owned.dispose();
  }
}

function reorder<T extends Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  values: T,
  width: number,
  rowOf: (n: number) => number,
): T {
  const ordered = values.slice() as T;
  for (let n = 0; n < values.length / width; n++) {
    const from = rowOf(n) * width;
    ordered.set(values.subarray(from, from + width), n * width);
  }
  return ordered;
}

function upperHalves(values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
}
