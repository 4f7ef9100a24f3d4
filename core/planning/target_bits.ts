/**
 * What may be asked of a plan of bits.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

/** A target, and what bits are chosen from. */
export interface TargetBits {
  /** Average bits of a weight, scales and zero points included. */
  readonly bits: number;
  /** Bits that a linear may get. Default 2, 3, 4, 5, 6 and 8, as far as the format holds them. */
  readonly choices?: readonly number[];
  /**
   * Whether linears that read the same input (q, k and v; gate and up) get the same bits. Default: where engines that
   * read the format run them as one matrix.
   */
  readonly tied?: boolean;
}

const NAMES: readonly string[] = ["bits", "choices", "tied"] satisfies (keyof TargetBits)[];
const CHOICES: readonly number[] = [2, 3, 4, 5, 6, 8];

/** {@linkcode TargetBits} with the defaults that do not depend on the format. */
export interface ResolvedTarget {
  readonly bits: number;
  /** Ascending. */
  readonly choices: readonly number[];
  readonly tied: boolean | undefined;
}

/**
 * Checks a target and fills in its defaults.
 *
 * @throws {SalientError} `usage`
 */
export function resolveTarget(target: number | TargetBits): ResolvedTarget {
  const given = typeof target === "number" ? { bits: target } : target;
  if (typeof given !== "object" || given === null) {
    refuse(`Target bits must be a number such as 3.5 but is ${given}`);
  }
  const unknown = Object.keys(given).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    refuse(`Target bits have the unknown field ${unknown}: use ${NAMES.join(", ")}`);
  }
  const { bits, choices = CHOICES, tied } = given;
  if (typeof bits !== "number" || !(bits >= 2 && bits <= 16)) {
    refuse(`Target bits must lie from 2 to 16 but is ${bits}`);
  }
  const isChoice = (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= 2 && (value as number) <= 8;
  if (!Array.isArray(choices) || choices.length === 0 || !choices.every(isChoice)) {
    refuse(`Choices of target bits must be whole numbers from 2 to 8 but are ${choices}`);
  }
  if (tied !== undefined && typeof tied !== "boolean") {
    refuse(`Tied must be true or false but is ${tied}`);
  }
  return { bits, choices: [...new Set(choices)].sort((a, b) => a - b), tied };
}

function refuse(message: string): never {
  throw new SalientError("usage", message);
}
