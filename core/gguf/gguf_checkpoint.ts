/**
 * GGUF files that are open.
 *
 * @module
 */

import type { Backend, MappedFile } from "../backend.ts";
import type { Checkpoint, JsonObject, TensorEntry } from "../checkpoint/types.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { discard } from "../discard.ts";
import { transposeTensor } from "../export/transpose_tensor.ts";
import { DTYPE_BYTES, sizeOf, type Tensor } from "../tensor.ts";
import { dequantizeBlocks } from "./dequantize_blocks.ts";
import { GGML_TYPES, type GgmlType } from "./ggml_type.ts";
import { orderedRows } from "./ordered_rows.ts";

const PIECE = 2 ** 18;

/** Where a tensor is, and what has to be done to it. */
export interface GgufSource {
  /** The file. */
  readonly mapped: MappedFile;
  /** How it is stored. */
  readonly type: GgmlType;
  /** First byte, from the start of the file. */
  readonly offset: number;
  /** Rows in the file. */
  readonly rows: number;
  /** Where row n of Hugging Face's lies in the file; undefined where it is row n. */
  readonly order: Int32Array | undefined;
  /** Whether Hugging Face stores it the other way round, [in, out]. */
  readonly transposed: boolean;
  /** What the file has added to its values. */
  readonly added: number;
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
    if (isView(source)) return source.mapped.tensor(source.offset, entry.dtype, entry.shape);
    if (!source.transposed) return this.#whole(entry, source, entry.shape);
    const [inputs = 0, outputs = 0] = entry.shape;
    using stored = this.#whole(entry, source, [outputs, inputs]);
    return transposeTensor(stored, this.#parts.backend);
  }

  /** A tensor in memory, its rows in Hugging Face's order. */
  #whole(entry: TensorEntry, source: GgufSource, shape: readonly number[]): Tensor {
    const whole = new Uint8Array(sizeOf(shape) * DTYPE_BYTES[entry.dtype]);
    let at = 0;
    for (const piece of this.#pieces(entry, source)) {
      whole.set(piece, at);
      at += piece.length;
    }
    const tensor = this.#parts.backend.upload(whole, entry.dtype, shape);
    discard(whole);
    return tensor;
  }

  pieces(name: string): Iterable<Uint8Array<ArrayBuffer>> | undefined {
    const { entry, source } = this.#find(name);
    if (isView(source)) return undefined;
    return source.transposed ? this.#turned(name) : this.#pieces(entry, source);
  }

  *#turned(name: string): Generator<Uint8Array<ArrayBuffer>> {
    using tensor = this.tensor(name);
    yield this.#parts.backend.downloadBytes(tensor);
  }

  /** The rows in order: blocks as F32, plain numbers as they are. */
  *#pieces(entry: TensorEntry, source: GgufSource): Generator<Uint8Array<ArrayBuffer>> {
    const { backend } = this.#parts;
    const { mapped, type, offset, order, rows, added } = source;
    const stride = entry.byteLength / rows;
    const step = order === undefined ? Math.max(1, Math.floor(PIECE / stride)) : 1;
    for (let start = 0; start < rows; start += step) {
      const count = Math.min(step, rows - start);
      const first = order === undefined ? start : order[start] ?? 0;
      using part = mapped.tensor(offset + first * stride, "U8", [count * stride]);
      const bytes = backend.downloadBytes(part);
      const read = GGML_TYPES[type].values === 1
        ? bytes
        : new Uint8Array(dequantizeBlocks(type, bytes).buffer);
      if (added !== 0) {
        const values = new Float32Array(read.buffer);
        values.forEach((value, i) => values[i] = value - added);
      }
      yield read;
      discard(read);
      discard(bytes);
    }
  }

  /** The blocks of a linear [outputs, inputs] as they are, whole rows of them in the order of Hugging Face's. */
  blocks(name: string): { readonly type: GgmlType; readonly bytes: Uint8Array<ArrayBuffer> } {
    const { entry, source: { mapped, type, offset, order } } = this.#find(name);
    using stored = mapped.tensor(offset, "U8", [entry.byteLength]);
    const bytes = this.#parts.backend.downloadBytes(stored);
    return {
      type,
      bytes: order === undefined ? bytes : orderedRows(bytes, order),
    };
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

/** Whether a tensor is as it lies in the file. */
function isView({ type, order, transposed, added }: GgufSource): boolean {
  return GGML_TYPES[type].values === 1 && order === undefined && !transposed && added === 0;
}
