import assert from "node:assert/strict";
import { type MemoryPlanInput, planMemory } from "../../../core/pipeline/memory_plan.ts";
import { NO_OBSERVATION } from "../../../core/pipeline/observation.ts";
import type { LinearInfo } from "../../../core/plugin.ts";

const MIB = 2 ** 20;
const [HIDDEN, INNER] = [1024, 4096];

function linear(block: number, role: string, site: string, n: number, k: number): LinearInfo {
  return { name: `model.layers.${block}.${role}`, block, role, site, shape: [n, k], dtype: "BF16" };
}

const LINEARS = [0, 1, 2].flatMap((block) => [
  ...["q", "k", "v"].map((role) => linear(block, role, "attention", HIDDEN, HIDDEN)),
  linear(block, "o", "attentionOutput", HIDDEN, HIDDEN),
  ...["gate", "up"].map((role) => linear(block, role, "mlp", INNER, HIDDEN)),
  linear(block, "down", "mlpHidden", HIDDEN, INNER),
]);
const GRAMS = new Map(
  ["attention", "attentionOutput", "mlp", "mlpHidden"].map((site) => [
    site,
    { ...NO_OBSERVATION, gram: true },
  ]),
);
const INPUT: MemoryPlanInput = {
  config: { hiddenSize: HIDDEN, intermediateSize: INNER, heads: 16, kvHeads: 16, headDim: 64 },
  linears: LINEARS,
  sites: [GRAMS, GRAMS, GRAMS],
  windows: { samples: 64, seqLen: 512 },
  transforms: true,
  keepsBlocks: false,
  limit: undefined,
};

Deno.test("planMemory counts the parts", () => {
  const { parts, batch, spill, peak } = planMemory(INPUT);
  const weights = 4 * HIDDEN * HIDDEN + 3 * HIDDEN * INNER;
  assert.equal(parts.weights, 6 * weights);
  const grams = 3 * (HIDDEN * HIDDEN * 4 + HIDDEN * 12) + INNER * INNER * 4 + INNER * 12;
  assert.equal(parts.statistics, grams);
  assert.equal(parts.hidden, 64 * 512 * HIDDEN * 4);
  assert.equal(parts.output, HIDDEN * INNER);
  assert.deepEqual([batch, spill], [4, false]);
  assert.ok(peak >= parts.weights + parts.statistics + parts.hidden);
});

Deno.test("planMemory needs the weights alone where nothing is observed", () => {
  const plan = planMemory({
    ...INPUT,
    sites: [new Map(), new Map(), new Map()],
    windows: undefined,
    transforms: false,
  });
  assert.deepEqual([plan.parts.statistics, plan.parts.hidden, plan.parts.activations], [0, 0, 0]);
  assert.equal(plan.parts.weights, 2 * (4 * HIDDEN * HIDDEN + 3 * HIDDEN * INNER));
  assert.equal(plan.batch, 1);
});

Deno.test("planMemory gives way step by step: smaller batches, then a file, then an error", () => {
  const seen: string[] = [];
  const free = planMemory(INPUT);
  let refused = "";
  for (let limit = free.peak; limit > 0 && refused === ""; limit -= 2 * MIB) {
    try {
      const plan = planMemory({ ...INPUT, limit });
      assert.ok(plan.peak <= limit);
      const step = `${plan.batch}${plan.spill ? " spilled" : ""}`;
      if (seen.at(-1) !== step) seen.push(step);
    } catch (error) {
      assert.ok(error instanceof Error);
      refused = error.message;
    }
  }
  assert.equal(seen[0], "4");
  assert.ok(seen.some((step) => step.endsWith("spilled")), seen.join(", "));
  assert.ok(!seen.at(0)?.endsWith("spilled") && seen.at(-1)?.endsWith("spilled"));
  assert.match(
    refused,
    /^Quantizing needs \d+ MiB but --memory allows \d+ MiB: raise it.* \d+ MiB$/,
  );
});

Deno.test("planMemory counts every block where they stay in memory", () => {
  const kept = planMemory({ ...INPUT, keepsBlocks: true });
  const all = LINEARS.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  assert.equal(kept.parts.output, all);
});

Deno.test("planMemory counts the sequences that a module is run on", () => {
  const sequences = new Map([["mlp", { ...NO_OBSERVATION, sequences: 32 }]]);
  const without = planMemory({ ...INPUT, sites: [new Map(), new Map(), new Map()] });
  const plan = planMemory({ ...INPUT, sites: [sequences, sequences, sequences] });
  assert.ok(plan.parts.rounding > without.parts.rounding + 32 * 512 * INNER * 4);
  assert.equal(plan.parts.statistics, HIDDEN * (12 + 4 * 32 * 512));
});
