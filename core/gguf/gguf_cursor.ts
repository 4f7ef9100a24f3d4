/**
 * Reads the pieces of a GGUF header in order.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

const PIECE = 2 ** 16;

/** Bytes of a single value. */
const WIDTHS = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
} as const;

/** Moves through a file from its start. Nothing is read that the file's length does not cover. */
export class GgufCursor {
  /** Length of the file. */
  readonly fileBytes: number;
  /** Where it is. */
  readonly path: string;
  readonly #handle: Deno.FsFile;
  #buffer = new Uint8Array(0);
  #at = 0;
  #view = new DataView(this.#buffer.buffer);
  /** Where the buffer starts in the file. */
  #base = 0;

  /** Starts at the beginning of an open file. */
  constructor(handle: Deno.FsFile, fileBytes: number, path: string) {
    this.#handle = handle;
    this.fileBytes = fileBytes;
    this.path = path;
  }

  /** Bytes passed. */
  get position(): number {
    return this.#base + this.#at;
  }

  /** An input error about the file. */
  refuse(what: string): SalientError {
    return new SalientError("input", `${this.path} ${what}: it is damaged or of another kind`, {
      file: this.path,
    });
  }

  /** A whole number of 32 bits. */
  async u32(): Promise<number> {
    return await this.single("u32") as number;
  }

  /** A whole number of 64 bits that a JavaScript number holds. */
  async u64(what: string): Promise<number> {
    const value = await this.single("u64") as number;
    if (Number.isSafeInteger(value)) return value;
    throw this.refuse(`has an impossible number for ${what}`);
  }

  /** How many of something follow; each takes `least` bytes or more, so the file bounds it. */
  async count(most: number, least: number, what: string): Promise<number> {
    const value = await this.u64(what);
    if (value > most || value * least > this.fileBytes - this.position) {
      throw this.refuse(`claims ${value} ${what}`);
    }
    return value;
  }

  /** A length and that many bytes of UTF-8. Bytes that are no text become U+FFFD. */
  async string(longest: number, what: string): Promise<string> {
    const length = await this.u64(what);
    if (length > longest || length > this.fileBytes - this.position) {
      throw this.refuse(`claims ${length} bytes of text for ${what}`);
    }
    if (this.#buffer.length - this.#at < length) await this.#fill(length);
    const bytes = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return decoder.decode(bytes);
  }

  /** One value. */
  async single(kind: keyof typeof WIDTHS): Promise<number | boolean> {
    const width = WIDTHS[kind];
    if (this.#buffer.length - this.#at < width) await this.#fill(width);
    const at = this.#at;
    this.#at += width;
    const view = this.#view;
    switch (kind) {
      case "u8":
        return view.getUint8(at);
      case "i8":
        return view.getInt8(at);
      case "u16":
        return view.getUint16(at, true);
      case "i16":
        return view.getInt16(at, true);
      case "u32":
        return view.getUint32(at, true);
      case "i32":
        return view.getInt32(at, true);
      case "f32":
        return view.getFloat32(at, true);
      case "bool":
        return view.getUint8(at) !== 0;
      case "u64":
        return Number(view.getBigUint64(at, true));
      case "i64":
        return Number(view.getBigInt64(at, true));
      case "f64":
        return view.getFloat64(at, true);
    }
  }

  /** Makes `count` bytes from here on readable. */
  async #fill(count: number): Promise<void> {
    if (count > this.fileBytes - this.position) {
      throw this.refuse("ends in the middle of its header");
    }
    const kept = this.#buffer.subarray(this.#at);
    const wanted = Math.min(Math.max(count, PIECE), this.fileBytes - this.position);
    const buffer = new Uint8Array(wanted);
    buffer.set(kept.subarray(0, wanted));
    let filled = Math.min(kept.length, wanted);
    while (filled < wanted) {
      const read = await this.#handle.read(buffer.subarray(filled));
      if (read === null) throw this.refuse("was cut short while it was read");
      filled += read;
    }
    this.#base += this.#at;
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
    this.#at = 0;
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
