/**
 * Lists of linears in a `quantization_config`.
 *
 * @module
 */

import type { Json } from "../checkpoint/types.ts";
import { refuseConfig } from "./config_values.ts";
import { namePattern } from "./name_pattern.ts";

/** Names, patterns (`re:...`) and the class `Linear`. */
export interface NameTargets {
  /** Full names. */
  readonly names: ReadonlySet<string>;
  /** Whether a pattern matches the name from its start on. */
  readonly matches: (name: string) => boolean;
  /** Whether the class of all linears is in the list. */
  readonly everyLinear: boolean;
}

const MOST_TARGETS = 65536;

/** Reads a list; `key` is what it is called in an error. */
export function readTargets(value: Json, key: string): NameTargets {
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    throw refuseConfig(`${key} is not a list of names`);
  }
  if (value.length > MOST_TARGETS) throw refuseConfig(`${key} has more than ${MOST_TARGETS} names`);
  const names = value as readonly string[];
  const patterns = names.filter((name) => name.startsWith("re:"))
    .map((name) => namePattern(name.slice(3)));
  return {
    names: new Set(names),
    matches: (name) => patterns.some((matches) => matches(name)),
    everyLinear: names.includes("Linear"),
  };
}
