/**
 * Seeded random numbers.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../core/random.ts";

Deno.test("the same seed gives the same numbers, another seed others", () => {
  const take = (seed: number | string) => {
    const random = seededRandom(seed);
    return Array.from({ length: 8 }, random);
  };
  assert.deepEqual(take(1), take(1));
  assert.deepEqual(take("awq:transformBlock"), take("awq:transformBlock"));
  const firsts = [0, 1, 2, -1, 0.5, 1e12, "", "0", "1", "a", "b", "aa"].map((s) => take(s)[0]);
  assert.equal(new Set(firsts).size, firsts.length);
});

Deno.test("numbers lie in [0, 1) and are spread evenly for every seed", () => {
  fc.assert(fc.property(fc.oneof(fc.double(), fc.integer(), fc.string()), (seed) => {
    const random = seededRandom(seed);
    const counts = new Uint32Array(8);
    for (let i = 0; i < 4096; i++) {
      const x = random();
      assert.ok(x >= 0 && x < 1);
      counts[Math.floor(x * 8)]!++;
    }
    // 512 are expected in each of 8 bins, with a standard deviation of 21.
    for (const count of counts) assert.ok(Math.abs(count - 512) < 150, String(counts));
  }));
});
