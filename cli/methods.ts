/**
 * From the options of the command line to plugins.
 *
 * @module
 */

import { awq, type AwqOptions, type Plugin, rtn, SalientError } from "../mod.ts";

/** The options that describe a method. */
export interface MethodOptions {
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Fixed zero point. */
  readonly symmetric: boolean;
  /** Objective of the AWQ search. */
  readonly objective: "gram" | "module" | undefined;
  /** Search of the AWQ scales. */
  readonly search: "grid" | "channel" | undefined;
  /** Leaves out clipping. */
  readonly noClip: boolean;
}

/** The plugin of a method that comes with Salient. */
export function methodPlugin(method: "awq" | "rtn", options: MethodOptions): Plugin {
  const grid = {
    bits: options.bits,
    groupSize: options.groupSize,
    symmetric: options.symmetric,
  };
  if (method === "rtn") return rtn(grid);
  const awqOptions: AwqOptions = {
    ...grid,
    ...(options.objective === undefined ? {} : { objective: options.objective }),
    ...(options.search === undefined ? {} : { search: options.search }),
    ...(options.noClip ? { clip: false } : {}),
  };
  return awq(awqOptions);
}

/**
 * A plugin of a third party: the default export of a file or of an npm package, either a plugin or a
 * function that makes one from `{ bits, groupSize, symmetric }`.
 */
export async function loadPlugin(name: string, options: MethodOptions): Promise<Plugin> {
  const isPackage = name.startsWith("npm:") || name.startsWith("jsr:");
  const specifier = isPackage ? name : new URL(name, `file://${Deno.cwd()}/`).href;
  let module: { default?: unknown };
  try {
    module = await import(specifier);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new SalientError("usage", `Plugin ${name} cannot be loaded: ${why}`, { cause });
  }
  const { bits, groupSize, symmetric } = options;
  const plugin = typeof module.default === "function"
    ? module.default({ bits, groupSize, symmetric })
    : module.default;
  if (typeof plugin !== "object" || plugin === null) {
    throw new SalientError(
      "usage",
      `Plugin ${name} has no default export that is a plugin, or a function that returns one`,
    );
  }
  return plugin as Plugin;
}
