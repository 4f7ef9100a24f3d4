/**
 * Bodies whose bytes are counted as they are sent.
 *
 * @module
 */

/** Stands for another blob and tells how much of it has been read. */
export class CountedBlob extends Blob {
  readonly #inner: Blob;
  readonly #onBytes: (bytes: number) => void;
  #count = 0;
  #failed = false;

  /** Takes the blob and whoever is told. */
  constructor(inner: Blob, onBytes: (bytes: number) => void) {
    super();
    this.#inner = inner;
    this.#onBytes = onBytes;
  }

  /** Bytes of the blob. */
  override get size(): number {
    return this.#inner.size;
  }

  /** The blob's bytes. */
  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#inner.stream().pipeThrough(
      new TransformStream({
        transform: (bytes, controller) => {
          // A server may answer before it has read everything; the rest still goes through here.
          if (!this.#failed) {
            this.#count += bytes.length;
            this.#onBytes(bytes.length);
          }
          controller.enqueue(bytes);
        },
      }),
    );
  }

  /** Tells that what was counted did not arrive. */
  takeBack(): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#onBytes(-this.#count);
  }
}
