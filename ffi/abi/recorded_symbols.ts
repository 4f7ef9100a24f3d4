/**
 * A library's functions whose calls are part of a recorded step.
 *
 * @module
 */

import type { NativeSymbols } from "../library.ts";

/**
 * The same functions, each of which tells the library that its call belongs to the step. Only that call does: what else
 * runs between two of them, here or on other threads, is none of the step's.
 */
export function recordedSymbols(symbols: NativeSymbols, step: number): NativeSymbols {
  return new Proxy({} as NativeSymbols, {
    get(_target, name): unknown {
      const call = symbols[name as keyof NativeSymbols] as (...args: unknown[]) => unknown;
      return (...args: unknown[]): unknown => {
        symbols.salient_recording(step);
        try {
          return call(...args);
        } finally {
          symbols.salient_recording(0);
        }
      };
    },
  });
}
