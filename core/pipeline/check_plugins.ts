/**
 * The check of a list of plugins, and their order.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { closestName } from "../export/closest_name.ts";
import type { Plugin } from "../plugin.ts";

/** Names of the hooks. */
export type HookName = Exclude<
  keyof Plugin,
  "name" | "apiVersion" | "enforce" | "sequential" | "propagate" | "options"
>;

/** Every hook with its kind; the record's type makes sure that none is left out. */
const HOOKS: Readonly<Record<HookName, "sequential" | "merged" | "first" | "parallel">> = {
  setup: "sequential",
  observe: "merged",
  transformModel: "sequential",
  transformBlock: "sequential",
  quantizeLinear: "first",
  quantizeActivation: "first",
  blockDone: "parallel",
  finish: "parallel",
};

/** Fields that are true, false or absent. */
const FLAGS = ["sequential", "propagate"] as const;

const FIELDS: readonly string[] = ["name", "apiVersion", "enforce", "options", ...FLAGS];

/**
 * Checks plugins that may come from anywhere, and puts them in the order in which they run: those
 * with `enforce: "pre"` first, those with `"post"` last, otherwise as given.
 *
 * @throws {SalientError} `plugin` (it names the plugin and the hook), or `usage` where there is none.
 */
export function orderPlugins(plugins: readonly unknown[]): readonly Plugin[] {
  if (plugins.length === 0) {
    throw new SalientError("usage", "No plugin was given: use rtn, awq or gptq");
  }
  const checked = plugins.map(checkPlugin);
  const names = new Set<string>();
  for (const { name } of checked) {
    if (names.has(name)) refuse(`Plugin ${name} was given twice: names must be unique`, name);
    names.add(name);
  }
  const rank = { pre: 0, post: 2 };
  const rankOf = ({ enforce }: Plugin): number => enforce === undefined ? 1 : rank[enforce];
  return checked.toSorted((a, b) => rankOf(a) - rankOf(b)); // stable
}

function checkPlugin(plugin: unknown, index: number): Plugin {
  const where = `Plugin ${index + 1}`;
  if (typeof plugin === "function") {
    refuse(`${where} is a function: call it with its options to get the plugin`);
  }
  if (typeof plugin !== "object" || plugin === null || Array.isArray(plugin)) {
    refuse(`${where} must be an object made by definePlugin but is ${kindOf(plugin)}`);
  }
  const { name, apiVersion, enforce } = plugin as Partial<Plugin>;
  if (typeof name !== "string" || name.trim() === "") {
    refuse(`${where} has no name: give it a non-empty string`);
  }
  if (apiVersion !== 1) {
    refuse(
      `Plugin ${name} is written for version ${String(apiVersion)} of the contract, this is 1`,
      name,
    );
  }
  if (enforce !== undefined && enforce !== "pre" && enforce !== "post") {
    refuse(`Plugin ${name} has enforce ${String(enforce)}: use "pre", "post" or nothing`, name);
  }
  for (const flag of FLAGS) {
    const value: unknown = (plugin as Partial<Plugin>)[flag];
    if (value === undefined || typeof value === "boolean") continue;
    refuse(`Plugin ${name} has ${flag} ${String(value)}: use true, false or nothing`, name);
  }
  const { options } = plugin as Partial<Plugin>;
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    refuse(`Plugin ${name} has options that are ${kindOf(options)}: use an object`, name);
  }
  for (const key of keysOf(plugin)) {
    if (FIELDS.includes(key)) continue;
    if (!Object.hasOwn(HOOKS, key)) {
      const meant = closestName(key, Object.keys(HOOKS));
      const advice = meant === undefined
        ? `use ${Object.keys(HOOKS).join(", ")}`
        : `did you mean ${meant}?`;
      refuse(
        `Plugin ${name} has the unknown hook ${key}: ${advice}`,
        name,
        key,
      );
    }
    const hook = (plugin as Record<string, unknown>)[key];
    if (hook !== undefined && typeof hook !== "function") {
      refuse(`Hook ${key} of plugin ${name} must be a function but is ${kindOf(hook)}`, name, key);
    }
  }
  return plugin as Plugin;
}

/** Own keys; of an instance of a class its hooks too, but not its other methods. */
function keysOf(plugin: object): string[] {
  const inherited = Object.keys(HOOKS).filter((hook) => hook in plugin);
  return [...new Set([...Object.keys(plugin), ...inherited])];
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

function refuse(message: string, plugin?: string, hook?: string): never {
  throw new SalientError("plugin", message, {
    ...(plugin === undefined ? {} : { plugin }),
    ...(hook === undefined ? {} : { hook }),
  });
}
