/**
 * Plugins whose hooks are followed to their end.
 *
 * @module
 */

import type { Plugin } from "../plugin.ts";

const HOOKS = [
  "setup",
  "transformModel",
  "transformBlock",
  "quantizeLinear",
  "blockDone",
  "finish",
] as const;

/** A plugin that behaves as the one given, and what became of the calls of its hooks. */
export interface TrackedPlugin {
  /** The plugin to run. */
  readonly plugin: Plugin;
  /**
   * Waits until every call of a hook has ended.
   *
   * @returns False if one is still running after `milliseconds`.
   */
  settled(milliseconds: number): Promise<boolean>;
}

/** Wraps the hooks that may take long. */
export function trackHooks(plugin: Plugin): TrackedPlugin {
  const running = new Set<Promise<unknown>>();
  const wrapped: Record<string, unknown> = { ...plugin };
  for (const name of HOOKS) {
    const hook = plugin[name] as ((...args: unknown[]) => unknown) | undefined;
    if (hook === undefined) continue;
    wrapped[name] = (...args: unknown[]): unknown => {
      const result = Promise.try(() => hook.apply(plugin, args));
      running.add(result);
      const done = (): boolean => running.delete(result);
      result.then(done, done);
      return result;
    };
  }
  async function settled(milliseconds: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    await Promise.race([Promise.allSettled(running), late]);
    clearTimeout(timer);
    return running.size === 0;
  }
  return { plugin: wrapped as unknown as Plugin, settled };
}
