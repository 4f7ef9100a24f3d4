/**
 * The check of rules.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { checkGridOptions } from "../grid_helpers.ts";
import { showValue } from "../show_value.ts";
import type { LayerRule } from "./layer_rule.ts";

const FIELDS: readonly string[] = [
  "match",
  "bits",
  "groupSize",
  "symmetric",
  "skip",
] satisfies (keyof LayerRule)[];

/** More rules than anybody writes by hand, and fewer than would take long. */
const MOST = 10_000;
/** Longest pattern. */
const LONGEST = 1000;

/**
 * Makes sure that a value is a list of rules.
 *
 * @throws {SalientError} `usage`, naming the rule by its number and what is wrong with it.
 */
export function checkRules(rules: unknown): readonly LayerRule[] {
  if (!Array.isArray(rules)) refuse("Rules must be a list like [{ match: ..., bits: 8 }]");
  if (rules.length > MOST) refuse(`There are ${rules.length} rules, more than ${MOST}: use globs`);
  return rules.map((rule, index) => checkRule(rule, index + 1));
}

function checkRule(rule: unknown, number: number): LayerRule {
  const where = `Rule ${number}`;
  if (typeof rule !== "object" || rule === null || Array.isArray(rule)) {
    refuse(`${where} must be an object like { match: "*.down_proj", bits: 8 }`);
  }
  const unknown = Object.keys(rule).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    refuse(`${where} has the unknown field ${showName(unknown)}: use ${FIELDS.join(", ")}`);
  }
  const { match, bits, groupSize, symmetric, skip } = rule as LayerRule;
  if (typeof match !== "string" || match.trim() === "") {
    refuse(
      `${where} has no match: give the name of a linear, a glob such as *.down_proj or a role`,
    );
  }
  if (match.length > LONGEST) refuse(`The match of ${where} has more than ${LONGEST} characters`);
  const named = `${where} (${showName(match)})`;
  if (skip !== undefined && typeof skip !== "boolean") {
    refuse(`In ${named} skip must be true or false but is ${showValue(skip)}`);
  }
  const grid = { bits, groupSize, symmetric };
  const given = Object.fromEntries(
    Object.entries(grid).filter(([, value]) => value !== undefined),
  );
  const givesGrid = Object.keys(given).length > 0;
  if (skip === true && givesGrid) refuse(`${named} skips what it gives a grid: choose one`);
  if (skip === undefined && !givesGrid) {
    refuse(`${named} says nothing: give bits, groupSize, symmetric or skip`);
  }
  try {
    checkGridOptions(given);
  } catch (cause) {
    if (!(cause instanceof SalientError)) throw cause;
    const [first = "", ...rest] = cause.message;
    refuse(`In ${named} ${first.toLowerCase()}${rest.join("")}`, cause);
  }
  return { match, ...given, ...(skip === undefined ? {} : { skip }) };
}

function refuse(message: string, cause?: unknown): never {
  throw new SalientError("usage", message, cause === undefined ? {} : { cause });
}
