/**
 * What a plan of bits comes to.
 *
 * @module
 */

import type { BitPlan } from "../mod.ts";
import { formatSeconds } from "./format.ts";

/** A plan in one line: the bits it takes, and how many linears have how many. */
export function planLine({ bitsPerWeight, linears, seconds, targetBits }: BitPlan): string {
  const counts = new Map<number, number>();
  for (const { bits } of linears) counts.set(bits, (counts.get(bits) ?? 0) + 1);
  const parts = [...counts].sort(([a], [b]) => a - b).map(([bits, count]) =>
    `${count} with ${bits}`
  );
  return `${bitsPerWeight.toFixed(3)} bits a weight of the ${targetBits} allowed, planned in ` +
    `${formatSeconds(seconds)}; linears by bits: ${parts.join(", ")}`;
}
