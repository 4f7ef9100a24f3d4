/**
 * Waiting that an `AbortSignal` ends.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

/** The error of an aborted signal: its reason if that is one of ours, else `interrupted`. */
export function interruption(signal: AbortSignal): SalientError {
  const { reason } = signal;
  if (reason instanceof SalientError) return reason;
  const late = reason instanceof DOMException && reason.name === "TimeoutError";
  return new SalientError("interrupted", late ? "Interrupted: time is up" : "Interrupted", {
    cause: reason,
  });
}

/**
 * Throws if the signal is aborted.
 *
 * @throws {SalientError} `interrupted`
 */
export function checkAborted(signal: AbortSignal): void {
  if (signal.aborted) throw interruption(signal);
}

/** How somebody waits. */
export interface Waiting {
  /** Is called every so often, with the seconds waited so far. */
  readonly news?: (seconds: number) => void;
  /** Milliseconds between the calls. Default 60,000. */
  readonly newsEvery?: number | undefined;
  /** Seconds after which the wait ends with the error that `late` makes. Default: never. */
  readonly limit?: number | undefined;
  /** Makes that error. */
  readonly late?: (seconds: number) => Error;
}

/**
 * The promise's result, or the signal's error as soon as it is aborted, whichever comes first. A
 * timer keeps the program alive meanwhile, so that a promise that never settles waits for the
 * signal instead of ending it.
 *
 * @throws {SalientError} `interrupted`, or what `waiting.late` makes when its limit is over.
 */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  waiting: Waiting = {},
): Promise<T> {
  const { news, newsEvery = 60_000, limit, late } = waiting;
  promise.catch(() => {}); // nobody may be left to hear of it
  checkAborted(signal);
  const { promise: ended, reject } = Promise.withResolvers<never>();
  function abort(): void {
    reject(interruption(signal));
  }
  const start = performance.now();
  const timer = setInterval(() => news?.((performance.now() - start) / 1000), newsEvery);
  const end = limit === undefined || late === undefined
    ? undefined
    : setTimeout(() => reject(late(limit)), limit * 1000);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, ended]);
  } finally {
    clearInterval(timer);
    clearTimeout(end);
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Does some work; whatever it throws after the signal was aborted is because of that.
 *
 * @throws {SalientError} `interrupted`, or what the work throws
 */
export async function orInterrupted<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (signal !== undefined) checkAborted(signal);
  try {
    return await work();
  } catch (error) {
    if (signal !== undefined) checkAborted(signal);
    throw error;
  }
}
