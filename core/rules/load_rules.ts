/**
 * Rules from the command line.
 *
 * @module
 */

import { readJson } from "../checkpoint/read_json.ts";
import { SalientError } from "../errors.ts";
import type { LayerRule } from "./layer_rule.ts";
import { parseRules, rulesFromJson } from "./parse_rules.ts";

/** Largest file of rules, in bytes. */
const MOST_BYTES = 4 << 20;

/**
 * Rules as a user names them: JSON that begins with `[` or `{`, or the path of a file that holds it.
 *
 * @throws {SalientError} as {@linkcode parseRules}, and `input` where the file cannot be read.
 */
export async function loadRules(source: string): Promise<readonly LayerRule[]> {
  const text = source.trim();
  if (text === "") {
    throw new SalientError("usage", "No rules were given: give JSON or the path of a JSON file");
  }
  if (text.startsWith("[") || text.startsWith("{")) return parseRules(text);
  return rulesFromJson(await readJson(source, { bytes: MOST_BYTES }));
}
