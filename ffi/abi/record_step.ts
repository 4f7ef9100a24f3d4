/**
 * Recording steps of decoding.
 *
 * @module
 */

import {
  type RecordedStep,
  type RecordStep,
  SalientError,
  type StepPlace,
  type StepRecording,
} from "../../core/backend.ts";
import { Checks } from "./checks.ts";
import type { OwnedHandle } from "./owned_handle.ts";
import type { NativeSession } from "./session.ts";

/** Makes `Backend.recordStep` on a session's library. */
export function stepRecorder(session: NativeSession): RecordStep {
  return (place, run) => recordStep(session, place, run);
}

async function recordStep<Result>(
  session: NativeSession,
  { id, position }: StepPlace,
  run: () => Promise<Result>,
): Promise<StepRecording<Result>> {
  const checks: Checks = new Checks(session, "recordStep");
  checks.whole(id, "id", 0, 2 ** 31 - 1);
  checks.whole(position, "position", 0, 2 ** 32 - 2);
  checks.that(!session.records, "a step is being recorded here already");
  const out = new Uint32Array(1);
  session.unwrap(session.symbols.salient_record(id, position, out), "recordStep");
  const owned = session.own(out[0] ?? 0);
  try {
    const result = await session.record(owned, run);
    const ended = endOf(() => {
      const numbers = new Uint32Array(3);
      session.unwrap(session.symbols.salient_recorded(owned.value, numbers), "recordStep");
      return numbers;
    });
    if (typeof ended !== "string") {
      return { result, step: new NativeStep(session, owned, ended), refusal: undefined };
    }
    owned.end();
    return { result, step: undefined, refusal: ended };
  } catch (error) {
    owned.end();
    throw error;
  }
}

/** What `end` gives, or why it is refused. */
function endOf(end: () => Uint32Array): Uint32Array | string {
  try {
    return end();
  } catch (error) {
    if (!(error instanceof SalientError)) throw error;
    return error.message;
  }
}

/** A recorded step behind a handle. */
class NativeStep implements RecordedStep {
  readonly firstPosition: number;
  readonly endPosition: number;
  readonly owned: OwnedHandle;
  readonly #session: NativeSession;

  constructor(session: NativeSession, owned: OwnedHandle, range: Uint32Array) {
    this.#session = session;
    this.owned = owned;
    this.firstPosition = range[0] ?? 0;
    this.endPosition = range[1] ?? 0;
    session.watch(this);
  }

  // deno-lint-ignore require-await -- an error must become a rejection
  async replay({ id, position }: StepPlace): Promise<void> {
    const checks: Checks = new Checks(this.#session, "replay");
    checks.that(this.owned.living, "the step was used after it was disposed");
    checks.whole(id, "id", 0);
    checks.whole(position, "position", this.firstPosition, this.endPosition - 1);
    const status = this.#session.symbols.salient_replay(this.owned.value, id, position);
    this.#session.unwrap(status, "replay");
  }

  [Symbol.dispose](): void {
    this.owned.end();
  }
}
