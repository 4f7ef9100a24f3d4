import assert from "node:assert/strict";
import { ceilingsIn, ratesOf } from "../../bench/ceiling.ts";
import type { Measure } from "../../bench/measure.ts";

const CEILINGS = new Map([["readGBs", 40], ["fp32", 200], ["bf16", 800]]);

Deno.test("ceilings are those of all threads, or of one", () => {
  const measures: Measure[] = [
    { group: "ceiling fp32", who: "one", unit: "GFLOP/s", value: 100 },
    { group: "ceiling fp32", who: "all", unit: "GFLOP/s", value: 190 },
    { group: "fp32 1 x 2 x 3", who: "all", unit: "ns", value: 7 },
  ];
  assert.deepEqual([...ceilingsIn(measures)], [["fp32", 190]]);
  assert.deepEqual([...ceilingsIn(measures, "one")], [["fp32", 100]]);
});

Deno.test("many tokens are held against the rate of their type", () => {
  const work = { kind: "product", stored: "bf16", T: 256, N: 1000, K: 1000 } as const;
  // 512e6 operations in 1.28 ms: 400 GFLOP/s.
  const { gigaflops, part } = ratesOf(work, 1.28e6, CEILINGS);
  assert.equal(gigaflops, 400);
  assert.equal(part, 0.5);
});

Deno.test("one token is held against reading", () => {
  const work = { kind: "int4", T: 1, N: 4096, K: 4096 } as const;
  const bytes = 4096 * 4096 * 66.5 / 128 + 4 * (4096 + 4096);
  const { gigabytes, part } = ratesOf(work, bytes / 20, CEILINGS);
  assert.ok(Math.abs(gigabytes - 20) < 1e-9);
  assert.ok(part !== undefined && Math.abs(part - 0.5) < 1e-9);
});

Deno.test("without a ceiling there is no part of it", () => {
  const work = { kind: "gram", T: 10, K: 10 } as const;
  assert.equal(ratesOf(work, 1, new Map()).part, undefined);
});
