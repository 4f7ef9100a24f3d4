/**
 * The check of an options object's names.
 *
 * @module
 */

import { SalientError } from "./errors.ts";
import { closestName } from "./export/closest_name.ts";

/**
 * Refuses options that a plugin does not know, so that a typing mistake is an error and not a default.
 * Plugins call it when they are made.
 *
 * @param plugin The plugin's name, for the error.
 * @param options What was given.
 * @param names Names of the options that there are.
 * @throws {SalientError} `usage`, with the name that was probably meant.
 *
 * @example
 * ```ts
 * import { checkOptionNames } from "@salient/quant/plugin";
 * import assert from "node:assert/strict";
 *
 * checkOptionNames("mine", { alpha: 0.5 }, ["alpha", "bits"]);
 * assert.throws(() => checkOptionNames("mine", { alpa: 0.5 }, ["alpha"]), /did you mean alpha/);
 * ```
 */
export function checkOptionNames(plugin: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const meant = closestName(name, names);
    const known = names.length === 0 ? "it takes none" : `use ${names.join(", ")}`;
    const advice = meant === undefined ? known : `did you mean ${meant}?`;
    const message = `Option ${name} of ${plugin} is unknown: ${advice}`;
    throw new SalientError("usage", message, { plugin });
  }
}
