/**
 * The hidden states of all calibration windows between two blocks.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { discard } from "../discard.ts";
import type { Windows } from "./statistics.ts";
import { tensorBytes } from "./tensor_bytes.ts";

/** Where and how large the hidden states are. */
export interface HiddenStatesOptions extends Windows {
  /** Width of the residual stream. */
  readonly width: number;
  /** Whether they go to a temporary file. */
  readonly spill: boolean;
  /** Folder of that file; undefined for the system's. */
  readonly folder: string | undefined;
}

/**
 * F32 [samples * seqLen, width] that is read and replaced some windows at a time: a tensor, or a
 * temporary file where memory is short.
 */
export class HiddenStates implements AsyncDisposable {
  readonly #ops: Ops;
  readonly #options: HiddenStatesOptions;
  readonly #store: Tensor | SpillFile;

  private constructor(ops: Ops, options: HiddenStatesOptions, store: Tensor | SpillFile) {
    this.#ops = ops;
    this.#options = options;
    this.#store = store;
  }

  /**
   * Makes room for the hidden states.
   *
   * @throws {SalientError} `disk` if the temporary file cannot be made.
   */
  static async create(ops: Ops, options: HiddenStatesOptions): Promise<HiddenStates> {
    const { samples, seqLen, width, spill, folder } = options;
    const store = spill
      ? await SpillFile.create(folder)
      : ops.zeros("F32", [samples * seqLen, width]);
    return new HiddenStates(ops, options, store);
  }

  /** Windows `first` to `first + count - 1`: F32 [count * seqLen, width]. The caller disposes it. */
  async read(first: number, count: number): Promise<Tensor> {
    const { seqLen, width } = this.#options;
    const shape = [count * seqLen, width];
    if (!(this.#store instanceof SpillFile)) {
      return this.#ops.rows(this.#store, first * seqLen, count * seqLen);
    }
    const bytes = await this.#store.read(first * seqLen * width * 4, count * seqLen * width * 4);
    const states = this.#ops.upload(bytes, "F32", shape);
    discard(bytes);
    return states;
  }

  /** Replaces the windows from `first` on by the rows of `states`. */
  async write(first: number, states: Tensor): Promise<void> {
    const { seqLen, width } = this.#options;
    if (!(this.#store instanceof SpillFile)) {
      await this.#ops.copyRows(states, this.#store, first * seqLen);
      return;
    }
    let offset = first * seqLen * width * 4;
    for (const bytes of tensorBytes(this.#ops, states)) {
      await this.#store.write(offset, bytes);
      offset += bytes.length;
    }
  }

  /** Frees the memory, or removes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#store instanceof SpillFile) await this.#store[Symbol.asyncDispose]();
    else this.#store[Symbol.dispose]();
  }
}

/** A temporary file that is read and written at offsets. */
class SpillFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  static async create(folder: string | undefined): Promise<SpillFile> {
    try {
      const dir = folder === undefined ? {} : { dir: folder };
      const path = await Deno.makeTempFile({ ...dir, prefix: ".hidden-states-" });
      return new SpillFile(path, await Deno.open(path, { read: true, write: true }));
    } catch (error) {
      throw diskError("make", folder ?? "", error);
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    try {
      await this.#file.seek(offset, Deno.SeekMode.Start);
      for (let done = 0; done < length;) {
        const count = await this.#file.read(bytes.subarray(done));
        if (count === null) throw new Error("it is shorter than what was written");
        done += count;
      }
    } catch (error) {
      throw diskError("read", this.#path, error);
    }
    return bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#file.seek(offset, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) {
        done += await this.#file.write(bytes.subarray(done));
      }
    } catch (error) {
      throw diskError("write", this.#path, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    await Deno.remove(this.#path).catch(() => {}); // its folder may be gone already
  }
}

function diskError(verb: string, path: string, cause: unknown): SalientError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new SalientError(
    "disk",
    `Cannot ${verb} the temporary file of hidden states: ${text}`,
    { file: path, cause },
  );
}
