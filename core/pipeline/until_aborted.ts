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

/**
 * The promise's result, or the signal's error as soon as it is aborted, whichever comes first. A
 * timer keeps the program alive meanwhile, so that a promise that never settles waits for the
 * signal instead of ending it; `whileWaiting` is called every 30 seconds.
 *
 * @throws {SalientError} `interrupted`
 */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  whileWaiting?: (seconds: number) => void,
): Promise<T> {
  promise.catch(() => {}); // nobody may be left to hear of it
  checkAborted(signal);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  function abort(): void {
    reject(interruption(signal));
  }
  const start = performance.now();
  const timer = setInterval(() => whileWaiting?.((performance.now() - start) / 1000), 30_000);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    clearInterval(timer);
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
