/**
 * Values of a `quantization_config`, checked.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import type { Json } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";

/** An input error about `quantization_config`. */
export function refuseConfig(text: string): SalientError {
  return new SalientError("input", `In quantization_config of config.json ${text}`);
}

/** A value as it is shown in an error. */
export function showValue(value: Json | undefined): string {
  return value === undefined ? "missing" : showName(JSON.stringify(value));
}

/** A group size: a positive whole number, or -1 for whole rows. */
export function readGroupSize(value: Json | undefined, key = "group_size"): number {
  const valid = typeof value === "number" && Number.isSafeInteger(value) &&
    (value > 0 || value === -1);
  if (valid) return value;
  throw refuseConfig(`${key} is ${showValue(value)}: it must be a positive whole number or -1`);
}

/** Bits that must be among `allowed`. */
export function readBits(
  value: Json | undefined,
  allowed: readonly number[],
  key = "bits",
): number {
  if (typeof value === "number" && allowed.includes(value)) return value;
  throw refuseConfig(`${key} is ${showValue(value)}: it must be ${allowed.join(", ")}`);
}

/** True or false. */
export function readFlag(value: Json | undefined, fallback: boolean, key: string): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value === "boolean") return value;
  throw refuseConfig(`${key} is ${showValue(value)}: it must be true or false`);
}
