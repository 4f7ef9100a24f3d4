/**
 * The stamp on errors that leave a plugin.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

/** Where in the plugins an error came from. */
export interface HookPlace {
  /** Name of the plugin. */
  readonly plugin: string;
  /** Name of the hook. */
  readonly hook: string;
  /** The linear or block at hand. */
  readonly tensor?: string;
}

const stamped = new WeakSet<SalientError>();

/**
 * The error with plugin, hook and tensor on it. It is stamped only once. Where a plugin refuses its
 * options or its input, the code and the words stay; anything else becomes a `plugin` error that
 * says where it happened.
 */
export function stampError(error: unknown, place: HookPlace): SalientError {
  if (error instanceof SalientError && stamped.has(error)) return error;
  const own = error instanceof SalientError ? error : undefined;
  const keeps = own !== undefined && ["usage", "input", "interrupted"].includes(own.code);
  const tensor = own?.tensor ?? place.tensor;
  const at = place.tensor === undefined ? "" : ` on ${place.tensor}`;
  const result = new SalientError(
    keeps ? own.code : "plugin",
    keeps ? own.message : `Plugin ${place.plugin} failed in ${place.hook}${at}: ${lineOf(error)}`,
    {
      plugin: place.plugin,
      hook: place.hook,
      ...(tensor === undefined ? {} : { tensor }),
      ...(own?.file === undefined ? {} : { file: own.file }),
      cause: error,
    },
  );
  stamped.add(result);
  return result;
}

function lineOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ");
}
