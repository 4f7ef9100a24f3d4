/**
 * Operations that are counted.
 *
 * @module
 */

import type { Backend } from "../backend.ts";

/** The same backend; `onCall` is told of every operation before it runs. */
export function watchOps(backend: Backend, onCall: () => void): Backend {
  return new Proxy(backend, {
    get(target, key): unknown {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        onCall();
        return member.apply(target, args);
      };
    },
  });
}
