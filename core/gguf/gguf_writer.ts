/**
 * Writes GGUF files.
 *
 * @module
 */

import { type CreateFile, createFileOnDisk } from "../checkpoint/output_file.ts";
import { OutputPath } from "../checkpoint/output_path.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { TensorBytes } from "../checkpoint/shard_writer.ts";
import { SalientError } from "../errors.ts";
import { sizeOf } from "../tensor.ts";
import { ggmlBytes, type GgmlType } from "./ggml_type.ts";
import { GGUF_ALIGNMENT, ggufHeader, type GgufTensorHead } from "./gguf_header.ts";
import type { GgufMetadata } from "./gguf_value.ts";

/** The place of bytes that are one of several equal parts of a tensor. */
export interface TensorPart {
  /** Which one. */
  readonly index: number;
  /** How many there are. */
  readonly count: number;
}

/** A tensor that a file will hold; its type is said when it comes. */
export interface DeclaredTensor {
  /** Its name. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
}

/**
 * One GGUF file being written, tensor by tensor in any order, under a temporary name. Names, shapes and
 * metadata are known first, so that the room for the header is; the header itself comes last.
 */
export class GgufWriter implements AsyncDisposable {
  readonly #output: OutputPath;
  readonly #metadata: GgufMetadata;
  readonly #declared: ReadonlyMap<string, readonly number[]>;
  readonly #written = new Map<string, GgufTensorHead>();
  readonly #parts = new Map<string, Set<number>>();
  readonly #room: number;
  #length = 0;
  #tail: Promise<void> = Promise.resolve();

  private constructor(
    output: OutputPath,
    metadata: GgufMetadata,
    tensors: readonly DeclaredTensor[],
  ) {
    this.#output = output;
    this.#metadata = metadata;
    this.#declared = new Map(tensors.map(({ name, shape }) => [name, shape]));
    const heads = tensors.map((tensor) => ({ ...tensor, type: "F32", offset: 0 } as const));
    this.#room = ggufHeader(metadata, heads).length;
  }

  /**
   * Begins a file.
   *
   * @param at Its temporary name, where it is not to be one beside `path`.
   * @throws {SalientError} `input` where the path is taken or cannot be made.
   */
  static async create(
    path: string,
    metadata: GgufMetadata,
    tensors: readonly DeclaredTensor[],
    createFile: CreateFile = createFileOnDisk,
    at?: string,
  ): Promise<GgufWriter> {
    return new GgufWriter(await OutputPath.create(path, createFile, at), metadata, tensors);
  }

  /** Bytes of tensors so far. */
  get byteLength(): number {
    return this.#length;
  }

  /** Whole name of the file until it is published. */
  get temporary(): string {
    return this.#output.temporary;
  }

  /**
   * Appends a declared tensor. One that comes in parts, in any order, gets its room with the first of them.
   *
   * @throws {SalientError} `input` where parts of one tensor are of several types.
   */
  add(name: string, type: GgmlType, bytes: TensorBytes, part?: TensorPart): Promise<void> {
    const turn = this.#tail.then(() => this.#append(name, type, bytes, part));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Writes the header and gives the file its name, after `check` has seen it under its temporary one. */
  async publish(check?: (path: string) => Promise<void>): Promise<void> {
    await this.#tail;
    const missing = [...this.#declared.keys()].find((name) => !this.#isWhole(name));
    if (missing !== undefined) throw fault(missing, "was not written");
    const header = ggufHeader(this.#metadata, [...this.#written.values()]);
    if (header.length !== this.#room) throw fault("the header", "has another length than foreseen");
    await this.#output.file.write(header, 0);
    await this.#output.publish(check);
  }

  #isWhole(name: string): boolean {
    const parts = this.#parts.get(name);
    return this.#written.has(name) && (parts === undefined || parts.size === 0);
  }

  async #append(
    name: string,
    type: GgmlType,
    bytes: TensorBytes,
    { index, count }: TensorPart = { index: 0, count: 1 },
  ): Promise<void> {
    const offset = await this.#roomFor(name, type, { index, count });
    const shape = this.#declared.get(name) ?? [];
    const expected = ggmlBytes(type, sizeOf(shape)) / count;
    const start = this.#room + offset + index * expected;
    let done = 0;
    for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
      await this.#output.file.write(piece, start + done);
      done += piece.length;
    }
    if (done !== expected) throw fault(name, `has ${done} bytes where ${expected} are meant`);
    this.#parts.get(name)?.delete(index);
  }

  /** Where the tensor begins, after the one before it. */
  async #roomFor(name: string, type: GgmlType, { index, count }: TensorPart): Promise<number> {
    const shape = this.#declared.get(name);
    if (shape === undefined) throw fault(name, "was not announced");
    const known = this.#written.get(name);
    if (known !== undefined) {
      if (this.#parts.get(name)?.has(index) !== true) throw fault(name, "was written twice");
      if (known.type === type) return known.offset;
      throw new SalientError(
        "input",
        `Format gguf stores all experts of a block alike, not some of ${name} as ${known.type} and others as ` +
          `${type}: give them the same bits, or leave them all plain`,
        { tensor: name },
      );
    }
    const offset = this.#length;
    const end = offset + ggmlBytes(type, sizeOf(shape));
    this.#length = Math.ceil(end / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
    await this.#output.file.write(new Uint8Array(this.#length - end), this.#room + end);
    this.#written.set(name, { name, shape, type, offset });
    this.#parts.set(name, new Set(Array.from({ length: count }, (_, i) => i)));
    return offset;
  }

  /** Removes the file unless it is published. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
    await this.#output[Symbol.asyncDispose]();
  }
}

function fault(name: string, what: string): SalientError {
  return new SalientError(
    "failed",
    `Tensor ${showName(name)} ${what}: this is a fault in the program`,
    { tensor: name },
  );
}
