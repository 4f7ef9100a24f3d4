/**
 * From the options of the command line to plugins.
 *
 * @module
 */

import { awq, gptq, type Plugin, rtn, SalientError } from "../mod.ts";
import { loadPlugin, type OfferedOptions } from "./load_plugin.ts";
import type { MethodName } from "./method_names.ts";
import type { PluginSettings } from "./plugin_settings.ts";

/** The options that describe a method. */
export interface MethodOptions extends OfferedOptions {
  /** Objective of the AWQ search. */
  readonly objective: "gram" | "module" | undefined;
  /** Search of the AWQ scales. */
  readonly search: "grid" | "channel" | undefined;
  /** Leaves out clipping. */
  readonly noClip: boolean;
}

/** What is known of a method that comes with Salient. */
interface Method {
  /** Makes its plugin. Options come from the user: it checks them. */
  make(options: object): Plugin;
  /** Options of its own, from those of the command. */
  options(command: MethodOptions): object;
  /** Whether it can leave rounding to another, by `quantize: false`; otherwise nothing may follow it. */
  readonly transforms: boolean;
}

const METHODS: Readonly<Record<MethodName, Method>> = {
  rtn: { make: rtn, options: () => ({}), transforms: false },
  gptq: { make: gptq, options: () => ({}), transforms: false },
  awq: {
    make: awq,
    options: ({ objective, search, noClip }) => ({
      ...(objective === undefined ? {} : { objective }),
      ...(search === undefined ? {} : { search }),
      ...(noClip ? { clip: false } : {}),
    }),
    transforms: true,
  },
};

/** Plugins that run together. */
export interface Chain {
  /** Its name in a table, for example `awq+gptq`. */
  readonly name: string;
  /** The plugins, in order. */
  readonly plugins: readonly Plugin[];
}

/**
 * The plugins of a chain: names of methods, files and packages. Only the last one of them that rounds does so; methods
 * before it transform.
 *
 * @throws {SalientError} `usage` where a part cannot be loaded, made, or be followed by another.
 */
export async function buildChain(
  parts: readonly string[],
  options: MethodOptions,
  settings: PluginSettings,
): Promise<Chain> {
  const { bits, groupSize, symmetric } = options;
  const offered = { bits, groupSize, symmetric };
  const loaded = new Map<number, Plugin>();
  for (const [i, part] of parts.entries()) {
    if (!isMethodName(part)) loaded.set(i, await loadPlugin(part, offered, settings));
  }
  const last = parts.findLastIndex((_, i) =>
    !loaded.has(i) || loaded.get(i)?.quantizeLinear !== undefined
  );
  if (last < 0) {
    const names = [...loaded.values()].map(({ name }) => name).join("+");
    throw new SalientError(
      "usage",
      `${names} rounds nothing: add a method that does, as ${names}+rtn or --method rtn`,
    );
  }
  const plugins = parts.map((part, i) => {
    if (!isMethodName(part)) return loaded.get(i) as Plugin;
    const method = METHODS[part];
    if (i < last && !method.transforms) {
      throw new SalientError(
        "usage",
        `${part} rounds every linear, so that ${
          parts[last]
        } after it has nothing to do: put ${part} last`,
      );
    }
    return method.make({
      ...offered,
      ...method.options(options),
      ...(i < last ? { quantize: false } : {}),
      ...settings.of([part]),
    });
  });
  return { name: plugins.map(({ name }) => name).join("+"), plugins };
}

function isMethodName(part: string): part is MethodName {
  return Object.hasOwn(METHODS, part);
}
