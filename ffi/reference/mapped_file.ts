/**
 * Files of the reference backend. Nothing is mapped: each range is read when it is needed, and the
 * system's page cache makes reading it again cheap.
 *
 * @module
 */

import { type MappedFile, SalientError } from "../../core/backend.ts";
import { type DType, DTYPE_BYTES, sizeOf, type Tensor } from "../../core/tensor.ts";
import { check, possible } from "./checks.ts";
import type { Storage } from "./storage.ts";
import { ReferenceTensor } from "./tensor.ts";

/** Opens a file for reading by range; throws an input error if that is not possible. */
export function openFile(path: string): MappedFile {
  return new ReferenceFile(path);
}

/** An open file, closed when the last tensor over it is gone. */
class FileStorage implements Storage {
  readonly writable = false;
  readonly byteLength: number;
  #file: Deno.FsFile;
  #path: string;
  #users = 1;

  constructor(path: string) {
    this.#path = path;
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(path, { read: true });
      const info = file.statSync();
      if (!info.isFile) throw new Error("it is not a regular file");
      this.byteLength = info.size;
      this.#file = file;
    } catch (cause) {
      file?.close();
      throw refused("open", path, cause);
    }
  }

  bytes(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    try {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      while (filled < length) {
        const count = this.#file.readSync(bytes.subarray(filled));
        if (count === null) throw new Error(`it ends before byte ${offset + length}`);
        filled += count;
      }
    } catch (cause) {
      throw refused("read", this.#path, cause);
    }
    return bytes;
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0) this.#file.close();
  }
}

class ReferenceFile implements MappedFile {
  readonly path: string;
  readonly byteLength: number;
  #storage: FileStorage | undefined;

  constructor(path: string) {
    this.path = path;
    this.#storage = new FileStorage(path);
    this.byteLength = this.#storage.byteLength;
  }

  tensor(offset: number, dtype: DType, shape: readonly number[]): Tensor {
    const storage = this.#open();
    possible(shape);
    this.#checkRange(offset, sizeOf(shape) * DTYPE_BYTES[dtype]);
    storage.retain();
    return new ReferenceTensor(storage, offset, dtype, shape);
  }

  release(offset: number, length: number): void {
    this.#open();
    this.#checkRange(offset, length);
  }

  [Symbol.dispose](): void {
    this.#storage?.release();
    this.#storage = undefined;
  }

  #open(): FileStorage {
    if (this.#storage === undefined) {
      throw new SalientError("backend", "File was used after it was disposed", { file: this.path });
    }
    return this.#storage;
  }

  #checkRange(offset: number, length: number): void {
    const whole = Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) &&
      length >= 0;
    check(
      whole && offset + length <= this.byteLength,
      `Range of ${length} bytes from ${offset} lies outside the ${this.byteLength} bytes of ${this.path}`,
    );
  }
}

function refused(verb: string, path: string, cause: unknown): SalientError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SalientError("input", `Cannot ${verb} ${path}: ${reason}`, { file: path, cause });
}
