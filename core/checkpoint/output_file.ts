/**
 * Files being written.
 *
 * @module
 */

import { diskError } from "./disk_error.ts";

/** What a file must be able to do to be written to; `Deno.FsFile` can. */
export type RawFile = Pick<
  Deno.FsFile,
  "read" | "write" | "seek" | "truncate" | "sync" | "close"
>;

/** Creates a file that must not exist yet, for reading and writing. */
export type CreateFile = (path: string) => Promise<RawFile>;

/** Creates a file on the disk. */
export function createFileOnDisk(path: string): Promise<RawFile> {
  return Deno.open(path, { read: true, write: true, createNew: true });
}

/** A file being written. Whatever goes wrong is a `disk` error that names it and its size so far. */
export class OutputFile implements Disposable {
  readonly #path: string;
  readonly #raw: RawFile;
  #end = 0;
  #closed = false;

  private constructor(path: string, raw: RawFile) {
    this.#path = path;
    this.#raw = raw;
  }

  /** Creates the file. */
  static async create(path: string, create: CreateFile): Promise<OutputFile> {
    try {
      return new OutputFile(path, await create(path));
    } catch (cause) {
      throw diskError(path, cause, 0);
    }
  }

  /** Writes all of `bytes` from byte `offset` on. */
  async write(bytes: Uint8Array, offset: number): Promise<void> {
    await this.#try(Math.max(this.#end, offset + bytes.length), async () => {
      await this.#raw.seek(offset, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) {
        done += await this.#raw.write(bytes.subarray(done));
      }
    });
    this.#end = Math.max(this.#end, offset + bytes.length);
  }

  /** Moves `length` bytes from `source` down to `target` and ends the file after them. */
  async moveDown(source: number, target: number, length: number): Promise<void> {
    const buffer = new Uint8Array(Math.min(length, 2 ** 20));
    await this.#try(target + length, async () => {
      for (let done = 0; done < length;) {
        await this.#raw.seek(source + done, Deno.SeekMode.Start);
        const count = await this.#raw.read(buffer.subarray(0, length - done));
        if (count === null) throw new Error("it was cut short by another program");
        await this.write(buffer.subarray(0, count), target + done);
        done += count;
      }
      await this.#raw.truncate(target + length);
    });
    this.#end = target + length;
  }

  /** Waits until the bytes are on the disk, and closes the file. */
  async finish(): Promise<void> {
    await this.#try(this.#end, () => this.#raw.sync());
    this[Symbol.dispose]();
  }

  async #try(bytes: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw diskError(this.#path, cause, bytes);
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#raw.close();
  }
}
