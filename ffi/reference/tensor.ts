/**
 * The reference backend's tensors: typed ranges of a storage.
 *
 * @module
 */

import { SalientError } from "../../core/backend.ts";
import { type DType, DTYPE_BYTES, sizeOf, type Tensor } from "../../core/tensor.ts";
import type { Storage } from "./storage.ts";

/** A tensor's share in its storage. It is apart from the tensor so that the collector can see both. */
interface Lease {
  storage: Storage | undefined;
}

const forgotten = new FinalizationRegistry<Lease>(endLease);

function endLease(lease: Lease): void {
  lease.storage?.release();
  lease.storage = undefined;
}

/** A dense row-major tensor of the reference backend, or a view of one. */
export class ReferenceTensor implements Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly size: number;
  readonly byteLength: number;
  #lease: Lease;
  #offset: number;

  /** Takes over one use of `storage`: the elements lie in it from byte `offset` on. */
  constructor(storage: Storage, offset: number, dtype: DType, shape: readonly number[]) {
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.size = sizeOf(shape);
    this.byteLength = this.size * DTYPE_BYTES[dtype];
    this.#offset = offset;
    this.#lease = { storage };
    forgotten.register(this, this.#lease, this.#lease);
  }

  /** Type and shape, for messages: `F32 [2, 3]`. */
  get label(): string {
    return `${this.dtype} [${this.shape.join(", ")}]`;
  }

  /** The elements' bytes (or a range of them): the storage's own if it is memory, else read now. */
  bytes(offset = 0, length: number = this.byteLength - offset): Uint8Array<ArrayBuffer> {
    return this.#storage().bytes(this.#offset + offset, length);
  }

  /** The elements of an F32 tensor, to be changed in place. */
  writableF32(): Float32Array<ArrayBuffer> {
    const bytes = this.writableBytes();
    return new Float32Array(bytes.buffer, bytes.byteOffset, this.size);
  }

  /** The elements' bytes, to be changed in place. */
  writableBytes(): Uint8Array<ArrayBuffer> {
    if (!this.#storage().writable) {
      throw new SalientError(
        "backend",
        `Tensor ${this.label} is a view of a file: copy it to change it`,
      );
    }
    return this.bytes();
  }

  /** A tensor over the same bytes, from byte `offset` of this one on. */
  view(offset: number, shape: readonly number[]): ReferenceTensor {
    const storage = this.#storage();
    storage.retain();
    return new ReferenceTensor(storage, this.#offset + offset, this.dtype, shape);
  }

  [Symbol.dispose](): void {
    forgotten.unregister(this.#lease);
    endLease(this.#lease);
  }

  #storage(): Storage {
    const storage = this.#lease.storage;
    if (storage === undefined) {
      throw new SalientError("backend", `Tensor ${this.label} was used after it was disposed`);
    }
    return storage;
  }
}
