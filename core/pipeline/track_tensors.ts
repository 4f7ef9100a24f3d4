/**
 * The tensors that plugins make.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";

/** References that are gone are taken out each time so many were added. */
const SWEEP = 4096;

/** Operations for plugins, and the end of all that came of them. */
export interface TrackedOps extends Disposable {
  /** The same operations. Once the run has ended each of them throws. */
  readonly ops: Ops;
}

/**
 * Remembers what the operations return, so that whatever a plugin has left behind is freed with the run: what it
 * forgot, and what was under way when it failed. Freeing a tensor twice does no harm.
 */
export function trackTensors(source: Ops): TrackedOps {
  const made = new Set<WeakRef<Disposable>>();
  let ended = false;
  let added = 0;
  function keep(result: unknown): void {
    if (!isDisposable(result)) return;
    if (ended) return result[Symbol.dispose](); // it comes too late for anybody
    made.add(new WeakRef(result));
    if (++added % SWEEP === 0) {
      for (const reference of made) if (reference.deref() === undefined) made.delete(reference);
    }
  }
  const tracked: Record<string, unknown> = {};
  for (const [name, operation] of Object.entries(source)) {
    tracked[name] = (...args: unknown[]): unknown => {
      if (ended) {
        throw new SalientError("interrupted", `Operation ${name} was called after the run ended`);
      }
      const result: unknown = operation(...args);
      if (result instanceof Promise) result.then(keep, () => {});
      else keep(result);
      return result;
    };
  }
  return {
    ops: tracked as unknown as Ops,
    [Symbol.dispose]() {
      ended = true;
      for (const reference of made) reference.deref()?.[Symbol.dispose]();
      made.clear();
    },
  };
}

function isDisposable(value: unknown): value is Disposable {
  return typeof value === "object" && value !== null && Symbol.dispose in value;
}
