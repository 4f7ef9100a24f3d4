/**
 * From the options of the command line to plugins.
 *
 * @module
 */

import { awq, gptq, type Plugin, rtn, SalientError, smoothquant } from "../mod.ts";
import { loadPlugin, type OfferedOptions } from "./load_plugin.ts";
import type { MethodName } from "./method_names.ts";
import type { PluginSettings } from "./plugin_settings.ts";

/** The options that describe a method. */
export interface MethodOptions {
  /** Bits of an integer; undefined for what suits the method. */
  readonly bits: number | undefined;
  /** Inputs that share a scale; undefined for what suits the method. */
  readonly groupSize: number | undefined;
  /** Fixed zero point. */
  readonly symmetric: boolean;
  /** Objective of the AWQ search. */
  readonly objective: "gram" | "module" | undefined;
  /** Search of the AWQ scales. */
  readonly search: "grid" | "channel" | "gradient" | undefined;
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
  /** What it is usually used for; {@linkcode WEIGHTS_ONLY} if it does not say. */
  readonly usual?: Usual;
}

/** What the command takes where the user has not said. */
interface Usual {
  readonly bits: number;
  readonly groupSize: number;
  readonly format: string;
}

const WEIGHTS_ONLY: Usual = { bits: 4, groupSize: 128, format: "awq-gemm" };

const METHODS: Readonly<Record<MethodName, Method>> = {
  rtn: { make: rtn, options: () => ({}), transforms: false },
  gptq: { make: gptq, options: () => ({}), transforms: false },
  smoothquant: {
    make: smoothquant,
    options: () => ({ symmetric: true }),
    transforms: true,
    usual: { bits: 8, groupSize: -1, format: "int-quantized" },
  },
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
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** The format that suits it. */
  readonly format: string;
}

/** Bits, groups and format for a chain where the user has not said: those of the method that rounds. */
export function usualFor(parts: readonly string[]): Usual {
  const last = parts.findLast(isMethodName);
  return (last === undefined ? undefined : METHODS[last].usual) ?? WEIGHTS_ONLY;
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
  const usual = usualFor(parts);
  const { bits = usual.bits, groupSize = usual.groupSize, symmetric } = options;
  const offered: OfferedOptions = { bits, groupSize, symmetric };
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
  const name = plugins.map((plugin) => plugin.name).join("+");
  return { name, plugins, bits, groupSize, format: usual.format };
}

function isMethodName(part: string): part is MethodName {
  return Object.hasOwn(METHODS, part);
}
