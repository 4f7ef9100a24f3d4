/**
 * Numbers that a description takes from `config.json`.
 *
 * @module
 */

import type { ConfigReader } from "../config_reader.ts";
import type { ConfigScalar, ConfigSwitch } from "./llama_like_description.ts";

/** The number, or the product of the values that are named. They must be there and above 0. */
export function readScalar(config: ConfigReader, scalar: ConfigScalar): number {
  if (typeof scalar === "number") return scalar;
  return scalar.reduce((product, { key, power = 1 }) => {
    return product * config.number(key, { min: 1e-9, max: 1e9 }) ** power;
  }, 1);
}

/** Whether something is so. */
export function readSwitch(config: ConfigReader, value: ConfigSwitch | undefined): boolean {
  return typeof value === "string" ? config.boolean(value, false) : value === true;
}
