/**
 * Time for each stage of a run.
 *
 * @module
 */

import type { EventListener, Stage } from "./events.ts";

/** Measures stages and tells when they begin and end. */
export class StageClock {
  readonly #emit: EventListener;
  readonly #start = performance.now();
  readonly #seconds: Partial<Record<Stage, number>> = {};

  /** Starts. */
  constructor(emit: EventListener) {
    this.#emit = emit;
  }

  /** Does a stage's work. */
  async run<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    this.#emit({ type: "stage", stage, state: "start", seconds: 0 });
    const result = await work();
    const seconds = (performance.now() - start) / 1000;
    this.#seconds[stage] = seconds;
    this.#emit({ type: "stage", stage, state: "finish", seconds });
    return result;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** Seconds of the stages so far. */
  get stages(): Readonly<Partial<Record<Stage, number>>> {
    return { ...this.#seconds };
  }
}
