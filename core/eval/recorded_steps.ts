/**
 * Runs steps of decoding from a recording where the backend makes one.
 *
 * @module
 */

import type { Backend, RecordedStep, StepPlace } from "../backend.ts";
import type { Tensor } from "../tensor.ts";

/** Refusals in a row after which no further step is recorded. One alone may be that of a table that just grew. */
const MOST_REFUSALS = 2;

/** How a step is run. */
export interface StepRun {
  /** Runs its operations one by one: its result. */
  readonly run: () => Promise<Tensor>;
  /** Called where a recording was run in place of `run`, which did not see it. */
  readonly onReplay: () => void;
}

/**
 * The steps of one decoder. The first is recorded while it runs, and the next ones are that recording, until a table or a
 * cache ends that it was recorded with; then another is made. Where steps cannot be recorded all are run one by one.
 */
export class RecordedSteps implements Disposable {
  readonly #backend: Pick<Backend, "recordStep" | "reshape">;
  #step: RecordedStep | undefined;
  #result: Tensor | undefined;
  #refusal: string | undefined;
  #refusals = 0;
  #replays = 0;

  /** Nothing is recorded before the first step. */
  constructor(backend: Pick<Backend, "recordStep" | "reshape">) {
    this.#backend = backend;
  }

  /** Steps that a recording ran. */
  get replays(): number {
    return this.#replays;
  }

  /** Why steps are not recorded, where they cannot be; for people. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** The result of a step. It belongs to the caller, but holds only until the next step. */
  async run(place: StepPlace, { run, onReplay }: StepRun): Promise<Tensor> {
    const { recordStep } = this.#backend;
    if (recordStep === undefined || this.#refusals === MOST_REFUSALS) return await run();
    const step = this.#step;
    if (
      step !== undefined && place.position >= step.firstPosition &&
      place.position < step.endPosition
    ) {
      await step.replay(place);
      this.#replays++;
      onReplay();
    } else {
      this[Symbol.dispose]();
      const recorded = await recordStep(place, run);
      this.#refusal = recorded.refusal;
      this.#refusals = recorded.step === undefined ? this.#refusals + 1 : 0;
      if (recorded.step === undefined) return recorded.result;
      this.#step = recorded.step;
      this.#result = recorded.result;
    }
    const result = this.#result!;
    return this.#backend.reshape(result, result.shape);
  }

  /** Ends the recording. */
  [Symbol.dispose](): void {
    this.#step?.[Symbol.dispose]();
    this.#result?.[Symbol.dispose]();
    this.#step = undefined;
    this.#result = undefined;
  }
}
