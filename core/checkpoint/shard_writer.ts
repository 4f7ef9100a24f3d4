/**
 * Writes one safetensors file, tensor after tensor.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { DType } from "../tensor.ts";
import { type CreateFile, OutputFile } from "./output_file.ts";
import { LENGTH_BYTES } from "./safetensors_header.ts";
import { showName } from "./show_name.ts";

/** The bytes of a tensor, whole or in pieces. */
export type TensorBytes = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A tensor to be written. */
export interface TensorHead {
  /** Its name. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Length in bytes. */
  readonly byteLength: number;
}

// transformers refuses files whose metadata lack the format.
const HEADER_START = '{"__metadata__":{"format":"pt"}';
const HEADER_END = "}";
// The format allows 100 MB of header.
const MAX_ROOM = 99_999_992;

/**
 * One safetensors file being written. The header comes first in the file but is known last: room is kept
 * for it, filled up with spaces as the format allows, and given back where it would be a waste.
 */
export class ShardWriter implements Disposable {
  /** Bytes of tensors so far. */
  byteLength = 0;
  /** Names of the tensors so far. */
  readonly names: string[] = [];
  readonly #file: OutputFile;
  readonly #path: string;
  /** Where the data start. */
  readonly #room: number;
  readonly #entries: string[] = [];
  #headerBytes = LENGTH_BYTES + HEADER_START.length + HEADER_END.length;

  private constructor(path: string, file: OutputFile, room: number) {
    this.#path = path;
    this.#file = file;
    this.#room = room;
  }

  /**
   * Creates the file.
   *
   * @param first The first tensor that it must have room for, if there is one.
   */
  static async create(
    path: string,
    options: {
      readonly headerRoom: number;
      readonly createFile: CreateFile;
      readonly first?: TensorHead | undefined;
    },
  ): Promise<ShardWriter> {
    const empty = LENGTH_BYTES + HEADER_START.length + HEADER_END.length;
    const least = options.first === undefined ? empty : empty + utf8Length(entry(options.first, 0));
    const room = alignUp(Math.max(Math.min(options.headerRoom, MAX_ROOM), least));
    return new ShardWriter(path, await OutputFile.create(path, options.createFile), room);
  }

  /** Whether the header has room for one more tensor. */
  hasRoomFor(tensor: TensorHead): boolean {
    return this.#headerBytes + utf8Length(entry(tensor, this.byteLength)) <= this.#room;
  }

  /**
   * Appends a tensor.
   *
   * @throws {SalientError} `failed` where `bytes` are not exactly the tensor's, `disk` where they
   * cannot be written. The file is of no use afterwards.
   */
  async append(tensor: TensorHead, bytes: TensorBytes): Promise<void> {
    const text = entry(tensor, this.byteLength);
    const start = this.#room + this.byteLength;
    let written = 0;
    for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
      if (written + piece.length > tensor.byteLength) throw this.#wrongBytes(tensor, "more");
      await this.#file.write(piece, start + written);
      written += piece.length;
    }
    if (written < tensor.byteLength) throw this.#wrongBytes(tensor, `only ${written}`);
    this.#entries.push(text);
    this.#headerBytes += utf8Length(text);
    this.names.push(tensor.name);
    this.byteLength += tensor.byteLength;
  }

  /** Writes the header: the file can be read. */
  async finish(): Promise<void> {
    let dataStart = this.#room;
    const tight = alignUp(this.#headerBytes);
    // A small file would be mostly room: moving its data costs little.
    if (dataStart - tight > this.byteLength / 64) {
      await this.#file.moveDown(dataStart, tight, this.byteLength);
      dataStart = tight;
    }
    const header = new Uint8Array(dataStart).fill(0x20, LENGTH_BYTES);
    new DataView(header.buffer).setBigUint64(0, BigInt(dataStart - LENGTH_BYTES), true);
    const text = HEADER_START + this.#entries.join("") + HEADER_END;
    new TextEncoder().encodeInto(text, header.subarray(LENGTH_BYTES));
    await this.#file.write(header, 0);
  }

  /** Waits until all is on the disk, and closes the file. */
  async settle(): Promise<void> {
    await this.#file.finish();
  }

  #wrongBytes(tensor: TensorHead, got: string): SalientError {
    const shape = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    return new SalientError(
      "failed",
      `Tensor ${
        showName(tensor.name)
      }, ${shape}, needs ${tensor.byteLength} bytes but got ${got}: this is a fault in the program`,
      { file: this.#path, tensor: tensor.name },
    );
  }

  /** Closes the file as it is. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/** The header's text for a tensor whose data begin at `begin`, with the comma before it. */
function entry(tensor: TensorHead, begin: number): string {
  const value = {
    dtype: tensor.dtype,
    shape: tensor.shape,
    data_offsets: [begin, begin + tensor.byteLength],
  };
  return `,${JSON.stringify(tensor.name)}:${JSON.stringify(value)}`;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The next multiple of 8, where the format wants the data to start. */
function alignUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
