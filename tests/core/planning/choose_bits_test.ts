import assert from "node:assert/strict";
import fc from "fast-check";
import { type BitChoice, chooseBits } from "../../../core/planning/choose_bits.ts";

/** The least error within the budget, by trying everything. */
function byForce(items: readonly (readonly BitChoice[])[], budget: number): number {
  function least(from: number, left: number): number {
    const choices = items[from];
    if (choices === undefined) return 0;
    return choices.reduce(
      (best, { cost, error }) =>
        cost > left ? best : Math.min(best, error + least(from + 1, left - cost)),
      Infinity,
    );
  }
  return least(0, budget);
}

const choice = fc.record({
  bits: fc.integer({ min: 2, max: 8 }),
  cost: fc.integer({ min: 1, max: 40 }),
  error: fc.integer({ min: 0, max: 1000 }).map((error) => error / 1000),
});
const items = fc.array(fc.array(choice, { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 5,
});

Deno.test("chooseBits() finds the best there is", () => {
  fc.assert(fc.property(items, fc.integer({ min: 1, max: 160 }), (items, budget) => {
    const best = byForce(items, budget);
    const chosen = chooseBits(items, budget);
    if (chosen === undefined) return assert.equal(best, Infinity);
    assert.ok(Math.abs(chosen.error - best) < 1e-12, `${chosen.error} is not ${best}`);
    assert.equal(chosen.bound, chosen.error);
    check(items, budget, chosen);
  }));
});

Deno.test("chooseBits() with too small a table keeps the budget and bounds what is missing", () => {
  let missed = 0;
  fc.assert(
    fc.property(items, fc.integer({ min: 20, max: 160 }), (items, budget) => {
      const best = byForce(items, budget);
      const chosen = chooseBits(items, budget, 6 * items.length);
      if (chosen === undefined) return assert.equal(best, Infinity);
      check(items, budget, chosen);
      assert.ok(chosen.bound <= best + 1e-12 && best <= chosen.error + 1e-12);
      missed += chosen.error > best + 1e-12 ? 1 : 0;
    }),
    { seed: 1, numRuns: 500 },
  );
  assert.ok(missed > 0, "the table was never too small");
});

Deno.test("chooseBits() plans as many linears as a large model has at once", () => {
  const sizes = [16, 4, 4, 16, 43, 43, 43].map((size) => size * 8192 * 129);
  const items = Array.from({ length: 560 }, (_, i) =>
    [2, 3, 4, 5, 6, 8].map((bits) => ({
      bits,
      cost: sizes[i % 7]! * bits,
      error: (1 + i * 7919 % 100) / 4 ** bits,
    })));
  const all = sizes.reduce((a, b) => a + b) * 80;
  const started = performance.now();
  const chosen = chooseBits(items, Math.floor(3.5 * all))!;
  assert.ok(performance.now() - started < 30_000);
  check(items, 3.5 * all, chosen);
  assert.equal(chosen.bound, chosen.error);
  const uniform = items.reduce((sum, choices) => sum + choices[1]!.error, 0);
  assert.ok(chosen.error < uniform / 2);
});

function check(
  items: readonly (readonly BitChoice[])[],
  budget: number,
  { picks, cost, error }: { picks: readonly number[]; cost: number; error: number },
): void {
  const picked = picks.map((pick, i) => items[i]![pick]!);
  assert.equal(picked.length, items.length);
  assert.equal(picked.reduce((sum, choice) => sum + choice.cost, 0), cost);
  assert.ok(Math.abs(picked.reduce((sum, choice) => sum + choice.error, 0) - error) < 1e-9);
  assert.ok(cost <= budget);
}
