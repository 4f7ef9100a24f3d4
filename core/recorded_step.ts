/**
 * A step of decoding that a backend has recorded.
 *
 * @module
 */

/** Where in a text a step is. */
export interface StepPlace {
  /** The token that is run. */
  readonly id: number;
  /** Its position, from 0. */
  readonly position: number;
}

/**
 * The operations of one step, which are run again for another token at another position by one call: the tensors that they
 * made are made anew, in place. Disposing it ends it; the tensors stay as they are.
 */
export interface RecordedStep extends Disposable {
  /** The first position that it serves. */
  readonly firstPosition: number;
  /** The position after the last one that it serves: where a table or a cache ends. */
  readonly endPosition: number;
  /** Runs it for a token at a position that it serves; a backend error for any other. */
  replay(place: StepPlace): Promise<void>;
}

/** What came of recording a step. */
export interface StepRecording<Result> {
  /** What the step gave, which has been run in any case. */
  readonly result: Result;
  /** The recording; undefined where the step cannot be recorded. */
  readonly step: RecordedStep | undefined;
  /** Why it cannot, for people. */
  readonly refusal: string | undefined;
}

/**
 * Runs a step of decoding and records its operations, so that it can be run again for other tokens and positions by one
 * call: where launching operations takes longer than the operations do.
 *
 * The step is one of one token of one sequence, at `place`. What moves with it: the id of its first `embed`; and, keeping
 * their distance to the position, the ids of every further `embed`, `start` of `rope`, `row` of `copyRows`, and `queryStart`
 * and `keyLength` of `attention`, which sees all keys up to the position. Everything else that operations are given is
 * fixed. A step that reads values back, or uploads some, cannot be recorded; it is run all the same. Operations that are
 * called meanwhile, but not from within `run`, are no part of it.
 */
export type RecordStep = <Result>(
  place: StepPlace,
  run: () => Promise<Result>,
) => Promise<StepRecording<Result>>;
