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

  /** Appends a declared tensor. */
  add(name: string, type: GgmlType, bytes: TensorBytes): Promise<void> {
    const turn = this.#tail.then(() => this.#append(name, type, bytes));
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Writes the header and gives the file its name, after `check` has seen it under its temporary one. */
  async publish(check?: (path: string) => Promise<void>): Promise<void> {
    await this.#tail;
    const missing = [...this.#declared.keys()].find((name) => !this.#written.has(name));
    if (missing !== undefined) throw fault(missing, "was not written");
    const header = ggufHeader(this.#metadata, [...this.#written.values()]);
    if (header.length !== this.#room) throw fault("the header", "has another length than foreseen");
    await this.#output.file.write(header, 0);
    await this.#output.publish(check);
  }

  async #append(name: string, type: GgmlType, bytes: TensorBytes): Promise<void> {
    const shape = this.#declared.get(name);
    if (shape === undefined || this.#written.has(name)) {
      throw fault(name, shape === undefined ? "was not announced" : "was written twice");
    }
    const offset = this.#length;
    const expected = ggmlBytes(type, sizeOf(shape));
    let done = 0;
    for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
      await this.#output.file.write(piece, this.#room + offset + done);
      done += piece.length;
    }
    if (done !== expected) throw fault(name, `has ${done} bytes where ${expected} are meant`);
    const end = Math.ceil((offset + done) / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
    await this.#output.file.write(new Uint8Array(end - offset - done), this.#room + offset + done);
    this.#length = end;
    this.#written.set(name, { name, shape, type, offset });
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
