/**
 * Where the bytes of the reference backend's tensors lie: memory of its own, or a range of a file.
 *
 * @module
 */

import { SalientError } from "../../core/backend.ts";

/** Bytes that several tensors may share; freed when the last of them lets go. */
export interface Storage {
  /** Whether the bytes may be changed. */
  readonly writable: boolean;
  /** The bytes of a range. Those of a writable storage are the storage's own, not a copy. */
  bytes(offset: number, length: number): Uint8Array<ArrayBuffer>;
  /** One more tensor uses it. */
  retain(): void;
  /** One tensor fewer uses it. */
  release(): void;
}

/** Counts the memory that a backend's tensors take, and remembers the process's largest size. */
export class MemoryMeter {
  #allocated = 0;
  #peak = 0;
  #sinceSample = 0;

  /** Bytes of the living storages. */
  get allocated(): number {
    return this.#allocated;
  }

  /** Notes an allocation (or, negative, its end). */
  add(bytes: number): void {
    this.#allocated += bytes;
    this.#sinceSample += Math.max(bytes, 0);
    // Asking the system costs microseconds, so only after every MiB of allocations.
    if (this.#sinceSample > 2 ** 20) this.peak();
  }

  /** Largest resident set size seen so far, in bytes. */
  peak(): number {
    this.#sinceSample = 0;
    this.#peak = Math.max(this.#peak, Deno.memoryUsage().rss);
    return this.#peak;
  }
}

/** Memory full of zeros. */
export class MemoryStorage implements Storage {
  readonly writable = true;
  #buffer: ArrayBuffer;
  #meter: MemoryMeter;
  #users = 1;

  /** Allocates `byteLength` bytes; throws a memory error if the system has no more. */
  constructor(byteLength: number, meter: MemoryMeter) {
    try {
      this.#buffer = new ArrayBuffer(byteLength);
    } catch (cause) {
      throw new SalientError("memory", `Cannot allocate ${byteLength} bytes for a tensor`, {
        cause,
      });
    }
    this.#meter = meter;
    meter.add(byteLength);
  }

  bytes(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer, offset, length);
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users > 0) return;
    this.#meter.add(-this.#buffer.byteLength);
    this.#buffer = new ArrayBuffer(0);
  }
}
