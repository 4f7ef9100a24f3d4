/**
 * Files that a native library has mapped.
 *
 * @module
 */

import { type MappedFile, SalientError } from "../../core/backend.ts";
import { type DType, DTYPE_BYTES, sizeOf, type Tensor } from "../../core/tensor.ts";
import { Checks } from "./checks.ts";
import { dtypeNumber, NativeTensor } from "./native_tensor.ts";
import type { OwnedHandle } from "./owned_handle.ts";
import type { NativeSession } from "./session.ts";

/** A mapped file behind a handle. Cutting the file while it is open is caught when a view is made. */
export class NativeFile implements MappedFile {
  /** Path as given. */
  readonly path: string;
  /** Length of the file in bytes. */
  readonly byteLength: number;
  /** Its handle. */
  readonly owned: OwnedHandle;
  readonly #session: NativeSession;

  /** Maps the file; an input error that names it where it cannot be read. */
  constructor(session: NativeSession, path: string) {
    const bytes = new TextEncoder().encode(path);
    const out = new Uint32Array(1);
    const length = new Float64Array(1);
    const status = session.symbols.salient_map(bytes, bytes.length, out, length);
    session.unwrap(status, `mapFile on ${path}`, path);
    this.#session = session;
    this.path = path;
    this.byteLength = length[0] ?? 0;
    this.owned = session.own(out[0] ?? 0);
    session.watch(this);
  }

  /** A view of `byteLength(dtype, shape)` bytes from `offset`; checked against the file's length. */
  tensor(offset: number, dtype: DType, shape: readonly number[]): Tensor {
    const sizes = new Checks(this.#session, "tensor").possible(shape);
    this.#checkRange(offset, sizeOf(shape) * DTYPE_BYTES[dtype]);
    const out = new Uint32Array(1);
    const status = this.#session.symbols.salient_file_tensor(
      this.owned.value,
      BigInt(offset),
      dtypeNumber(dtype),
      sizes,
      sizes.length,
      out,
    );
    this.#session.unwrap(status, `tensor on ${this.path}`, this.path);
    return new NativeTensor(this.#session, out[0] ?? 0, dtype, shape);
  }

  /** Lets the system drop the pages of this range from memory; views stay valid. */
  release(offset: number, length: number): void {
    this.#checkRange(offset, length);
    const status = this.#session.symbols.salient_file_release(
      this.owned.value,
      BigInt(offset),
      BigInt(length),
    );
    this.#session.unwrap(status, `release on ${this.path}`, this.path);
  }

  /** Closes it; views stay valid. Harmless the second time. */
  [Symbol.dispose](): void {
    this.owned.end();
  }

  #checkRange(offset: number, length: number): void {
    const file = { file: this.path };
    if (!this.owned.living) {
      throw new SalientError("backend", `File used after it was disposed: ${this.path}`, file);
    }
    const whole = Number.isSafeInteger(offset) && offset >= 0 &&
      Number.isSafeInteger(length) && length >= 0;
    if (!whole || offset + length > this.byteLength) {
      throw new SalientError(
        "backend",
        `${length} bytes from ${offset} are not all in the ${this.byteLength} bytes of ${this.path}`,
        file,
      );
    }
  }
}
