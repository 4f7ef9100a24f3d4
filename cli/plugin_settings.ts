/**
 * Options of plugins, as `--set` gives them.
 *
 * @module
 */

import { SalientError } from "../mod.ts";
import { findSimilar } from "@optique/core/suggestion";

/** The options of `--set NAME.OPTION=VALUE`, by the plugin's name. */
export class PluginSettings {
  readonly #byName = new Map<string, Record<string, unknown>>();
  readonly #used = new Set<string>();
  readonly #plugins = new Set<string>();

  /**
   * Reads what was given. A value is JSON where it can be read as that, else a text; a dot in OPTION leads into
   * an object (`awq.clip.steps=5`).
   *
   * @throws {SalientError} `usage` for what is not NAME.OPTION=VALUE.
   */
  constructor(given: readonly string[]) {
    for (const text of given) {
      const [, name, path, value] = /^([^.=\s]+)\.([^=\s]+)=(.*)$/s.exec(text) ?? [];
      const keys = path?.split(".") ?? [];
      if (name === undefined || value === undefined || keys.includes("")) {
        throw new SalientError(
          "usage",
          `--set ${text} cannot be read: write NAME.OPTION=VALUE, for example awq.gridPoints=40`,
        );
      }
      const options = this.#byName.get(name) ?? {};
      this.#byName.set(name, options);
      assign(options, keys, parseValue(value), text);
    }
  }

  /** The options for a plugin that goes by any of these names. */
  of(names: readonly string[]): Readonly<Record<string, unknown>> {
    const options: Record<string, unknown> = {};
    for (const name of names) {
      this.#plugins.add(name);
      const given = this.#byName.get(name);
      if (given === undefined) continue;
      this.#used.add(name);
      Object.assign(options, given);
    }
    return options;
  }

  /** Whether something was set for a plugin of that name. */
  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /**
   * Refuses options for plugins that are not in the run.
   *
   * @throws {SalientError} `usage`, with the name that was probably meant.
   */
  refuseUnused(): void {
    const unused = this.#byName.keys().find((name) => !this.#used.has(name));
    if (unused === undefined) return;
    const [meant] = findSimilar(unused, [...this.#plugins], { maxDistance: 3 });
    const advice = meant === undefined
      ? `use ${[...this.#plugins].join(", ")}`
      : `did you mean ${meant}?`;
    throw new SalientError(
      "usage",
      `--set names ${unused}, but no plugin of this run is called that: ${advice}`,
    );
  }
}

function assign(
  options: Record<string, unknown>,
  keys: readonly string[],
  value: unknown,
  text: string,
): void {
  const [key = "", ...rest] = keys;
  if (rest.length === 0) {
    options[key] = value;
    return;
  }
  const inner = Object.hasOwn(options, key) ? options[key] : {};
  if (typeof inner !== "object" || inner === null || Array.isArray(inner)) {
    throw new SalientError("usage", `--set ${text} leads into ${key}, which is no object`);
  }
  options[key] = inner;
  assign(inner as Record<string, unknown>, rest, value, text);
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
