/**
 * A native handle that is released exactly once.
 *
 * @module
 */

/**
 * A handle with an owner. It is released when the owner is done with it and no running call uses it any
 * more, whichever comes last.
 */
export class OwnedHandle {
  readonly #handle: number;
  readonly #release: (owned: OwnedHandle, handle: number) => void;
  #uses = 0;
  #living = true;

  /** Takes over `handle`; `release` is called once. */
  constructor(handle: number, release: (owned: OwnedHandle, handle: number) => void) {
    this.#handle = handle;
    this.#release = release;
  }

  /** Whether the owner still has it. */
  get living(): boolean {
    return this.#living;
  }

  /** The number that names the object in the library. */
  get value(): number {
    return this.#handle;
  }

  /** A call begins that needs it. */
  hold(): void {
    this.#uses++;
  }

  /** That call ended. */
  letGo(): void {
    this.#uses--;
    this.#releaseIfUnused();
  }

  /** The owner is done with it; harmless the second time. */
  end(): void {
    if (!this.#living) return;
    this.#living = false;
    this.#releaseIfUnused();
  }

  #releaseIfUnused(): void {
    if (!this.#living && this.#uses === 0) this.#release(this, this.#handle);
  }
}
