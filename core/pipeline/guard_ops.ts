/**
 * The operations that plugins get.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { checkAborted } from "./until_aborted.ts";

/** Every operation; the record's type makes sure that none is left out. */
const NAMES: Readonly<Record<keyof Ops, true>> = {
  zeros: true,
  upload: true,
  download: true,
  downloadBytes: true,
  rows: true,
  reshape: true,
  cast: true,
  copyRows: true,
  linear: true,
  embed: true,
  rmsNorm: true,
  layerNorm: true,
  rope: true,
  attention: true,
  gatedActivation: true,
  activate: true,
  softcap: true,
  selectColumns: true,
  addRows: true,
  addInPlace: true,
  chooseTokens: true,
  negativeLogLikelihood: true,
  accumulateAbs: true,
  accumulateGram: true,
  scaleColumns: true,
  scaleRows: true,
  scaleGram: true,
  summarize: true,
  quantize: true,
  dequantize: true,
  fakeQuantize: true,
  scaleLosses: true,
  scaleGradient: true,
  quantizationLoss: true,
  outputEnergy: true,
  relativeMagnitude: true,
  clipSearch: true,
  searchRanges: true,
  factorGram: true,
  compensate: true,
  refineScales: true,
  packInt4: true,
  unpackInt4: true,
  pack: true,
};

/** Operations that stop with the run. */
export interface GuardedOps {
  /** The same operations; each throws once the signal is aborted. Nothing else of the backend shows. */
  readonly ops: Ops;
  /** Waits until no operation is running any more, half a second at most. */
  settle(): Promise<void>;
  /** Operations begun and ended so far: it stands still while nothing is done. */
  readonly activity: () => number;
}

/**
 * Lets every operation look at the signal first, so that whatever a plugin does ends at its next
 * one, and keeps count of those that run, so that no tensor is freed under one.
 */
export function guardOps(backend: Ops, signal: AbortSignal): GuardedOps {
  const running = new Set<Promise<unknown>>();
  const source = backend as unknown as Record<string, (...args: unknown[]) => unknown>;
  const guarded: Record<string, unknown> = {};
  let activity = 0;
  for (const name of Object.keys(NAMES)) {
    guarded[name] = (...args: unknown[]): unknown => {
      checkAborted(signal);
      activity++;
      const result = source[name]?.call(backend, ...args);
      if (result instanceof Promise) {
        running.add(result);
        const done = (): void => {
          activity++;
          running.delete(result);
        };
        result.then(done, done);
      }
      return result;
    };
  }
  async function settle(): Promise<void> {
    if (running.size === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, 500);
    await Promise.race([Promise.allSettled(running), late]);
    clearTimeout(timer);
  }
  return { ops: guarded as unknown as Ops, settle, activity: () => activity };
}
