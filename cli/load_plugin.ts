/**
 * Plugins of third parties.
 *
 * @module
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { findSimilar } from "@optique/core/suggestion";
import { type Plugin, SalientError } from "../mod.ts";
import type { PluginSettings } from "./plugin_settings.ts";
import { watchReads } from "./watch_reads.ts";

/** What every plugin is offered; `--set` adds to it. */
export interface OfferedOptions {
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Fixed zero point. */
  readonly symmetric: boolean;
}

/**
 * The default export of a file or package: a plugin, or a function that makes one from
 * `{ bits, groupSize, symmetric }` and what was set for it. For `--set` it goes by its name, and by that of its file
 * or package.
 *
 * @throws {SalientError} `usage` if it cannot be loaded, is no plugin, or does not know an option; `plugin` if it throws.
 */
export async function loadPlugin(
  specifier: string,
  offered: OfferedOptions,
  settings: PluginSettings,
): Promise<Plugin> {
  const exported = await importDefault(specifier);
  if (typeof exported !== "function") {
    if (!isNamed(exported)) refuseExport(specifier);
    const set = Object.keys(settings.of([exported.name, shortName(specifier)]))[0];
    if (set === undefined) return exported;
    throw new SalientError("usage", `Plugin ${exported.name} takes no options, so not ${set}`);
  }
  const factory = exported as Factory;
  const alias = shortName(specifier);
  const first = await make(specifier, factory, { ...offered, ...settings.of([alias]) });
  const { name } = first;
  if (name === alias) return first;
  const more = settings.of([name]);
  if (Object.keys(more).length === 0) return first;
  return await make(specifier, factory, { ...offered, ...settings.of([alias]), ...more });
}

type Factory = (options: unknown) => unknown;

async function importDefault(specifier: string): Promise<unknown> {
  const url = /^(npm|jsr|file):/.test(specifier)
    ? specifier
    : pathToFileURL(resolve(Deno.cwd(), specifier)).href;
  try {
    const module: { default?: unknown } = await import(url);
    return module.default;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new SalientError("usage", `Plugin ${specifier} cannot be loaded: ${why}`, { cause });
  }
}

async function make(
  specifier: string,
  factory: Factory,
  options: Record<string, unknown>,
): Promise<Plugin> {
  const watched = watchReads(options);
  let plugin: unknown;
  try {
    plugin = await factory(watched.options);
  } catch (cause) {
    if (cause instanceof SalientError) throw cause;
    const why = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new SalientError("plugin", `Plugin ${specifier} failed when it was made: ${why}`, {
      cause,
    });
  }
  if (!isNamed(plugin)) refuseExport(specifier);
  refuseUnread(plugin.name, options, watched.read);
  return plugin;
}

/** An option that the factory has not looked at is one that it does not know. */
function refuseUnread(
  plugin: string,
  options: Record<string, unknown>,
  read: ReadonlySet<string>,
): void {
  const offered = ["bits", "groupSize", "symmetric"];
  const unread = Object.keys(options).find((name) => !read.has(name) && !offered.includes(name));
  if (unread === undefined) return;
  const [meant] = findSimilar(unread, [...read], { maxDistance: 3 });
  const advice = meant === undefined
    ? `it looks at ${[...read].join(", ") || "none"}`
    : `did you mean ${meant}?`;
  throw new SalientError("usage", `Option ${unread} of ${plugin} is unknown: ${advice}`, {
    plugin,
  });
}

/** `x` of `./some/x.ts`, `npm:x@1.0.0` and `npm:@scope/x`. */
function shortName(specifier: string): string {
  const path = specifier.replace(/^(npm|jsr|file):/, "").replace(/(?<=.)@[^/]*$/, "");
  const last = path.split("/").findLast((part) => part !== "") ?? path;
  return last.replace(/\.[cm]?[jt]sx?$/, "");
}

function isNamed(plugin: unknown): plugin is Plugin {
  return typeof plugin === "object" && plugin !== null &&
    typeof (plugin as { name?: unknown }).name === "string";
}

function refuseExport(specifier: string): never {
  throw new SalientError(
    "usage",
    `Plugin ${specifier} has no default export that is a plugin, or a function that returns one`,
  );
}
