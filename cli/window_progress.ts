/**
 * A bar for work that is counted in windows.
 *
 * @module
 */

import { SingleBar } from "cli-progress";

/** Shows how many windows are done, on a terminal only. */
export class WindowProgress implements Disposable {
  #bar: SingleBar | undefined;
  readonly #label: string;
  readonly #quiet: boolean;

  /** Names the work; a quiet one shows nothing. */
  constructor(label: string, quiet: boolean) {
    this.#label = label;
    this.#quiet = quiet || !Deno.stderr.isTerminal();
  }

  /** Windows done, of how many. */
  update(done: number, total: number): void {
    if (this.#quiet) return;
    if (this.#bar === undefined) {
      this.#bar = new SingleBar({
        format: `${this.#label} {bar} {value}/{total}  ETA {eta} s`,
        hideCursor: true,
        clearOnComplete: true,
      });
      this.#bar.start(total, done);
    } else this.#bar.update(done);
  }

  /** Takes the bar away. */
  finish(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  /** Takes the bar away. */
  [Symbol.dispose](): void {
    this.finish();
  }
}
