/**
 * Ctrl-C.
 *
 * @module
 */

/** A signal that is aborted by Ctrl-C (SIGINT) or SIGTERM, for as long as it is not disposed. */
export class Interrupt implements Disposable {
  #controller = new AbortController();
  #listener = (): void => this.#controller.abort();

  /** Starts listening. */
  constructor() {
    Deno.addSignalListener("SIGINT", this.#listener);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", this.#listener);
  }

  /** Aborted when the user interrupts. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#listener);
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", this.#listener);
  }
}
