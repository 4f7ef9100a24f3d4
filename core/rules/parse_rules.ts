/**
 * Rules from JSON.
 *
 * @module
 */

import { parseJson } from "../checkpoint/parse_json.ts";
import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json } from "../checkpoint/types.ts";
import { checkRules } from "./check_rules.ts";
import type { LayerRule } from "./layer_rule.ts";

/**
 * Rules as JSON: a list, one rule, or an object with the key `rules`, as a report has it under `plan`.
 *
 * @param text The JSON.
 * @throws {SalientError} `usage` where a rule is wrong, `input` where the text is no JSON.
 *
 * @example
 * ```ts
 * import { parseRules } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const rules = parseRules(`[{ "match": "*.down_proj", "bits": 8 }, { "match": "lm_head", "skip": true }]`);
 * assert.equal(rules[0]?.bits, 8);
 * assert.throws(() => parseRules(`[{ "match": "*.down_proj", "bit": 8 }]`), /unknown field bit/);
 * ```
 */
export function parseRules(text: string): readonly LayerRule[] {
  return rulesFromJson(parseJson(text, { file: "rules", label: "The text of the rules" }));
}

/** Rules as {@linkcode parseRules} takes them, from JSON that is parsed. */
export function rulesFromJson(value: Json): readonly LayerRule[] {
  if (!isJsonObject(value)) return checkRules(value);
  return checkRules("rules" in value ? value["rules"] : [value]);
}
