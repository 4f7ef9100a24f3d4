/**
 * How near two backends' results must be.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Both } from "./pair.ts";

/** Lists of numbers that differ by at most `relative` times the largest of the reference's. */
export function assertClose(
  { tested, oracle }: Both<Float32Array | Float64Array>,
  relative: number,
  label = "values",
): void {
  assert.equal(tested.length, oracle.length, `${label}: number of values`);
  let largest = Number.MIN_VALUE;
  for (const value of oracle) {
    if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  }
  for (let i = 0; i < oracle.length; i++) {
    if (Object.is(tested[i], oracle[i])) continue;
    const difference = Math.abs(tested[i]! - oracle[i]!);
    assert.ok(
      difference <= relative * largest,
      `${label}: [${i}] is ${tested[i]} instead of ${oracle[i]}, off by ${
        difference / largest
      } of the largest`,
    );
  }
}

/** Sums that differ by at most `relative`, each of itself. */
export function assertNear(
  { tested, oracle }: Both<number>,
  relative: number,
  label = "value",
): void {
  assert.ok(
    Math.abs(tested - oracle) <= relative * Math.abs(oracle) + 1e-30,
    `${label} is ${tested} instead of ${oracle}`,
  );
}

/** Lists that are equal, element by element (NaN equals NaN, 0 equals -0). */
export function assertSame<T extends ArrayLike<number>>(
  { tested, oracle }: Both<T>,
  label = "values",
): void {
  assert.equal(tested.length, oracle.length, `${label}: number of values`);
  for (let i = 0; i < oracle.length; i++) {
    if (tested[i] === oracle[i] || Object.is(tested[i], oracle[i])) continue;
    assert.fail(`${label}: [${i}] is ${tested[i]} instead of ${oracle[i]}`);
  }
}
