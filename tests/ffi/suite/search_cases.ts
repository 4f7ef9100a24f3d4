/**
 * Losses and searches on what is known of a linear's inputs.
 *
 * @module
 */

import type { AffineGrid, Backend, InputMoment } from "../../../core/backend.ts";
import type { Tensor } from "../../../core/tensor.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertClose, assertNear } from "./compare.ts";
import type { Both, Pair } from "./pair.ts";

// [N, K, group, input rows]
const SIZES = [[1, 4, 4, 3], [3, 30, 10, 9], [7, 64, 32, 50], [20, 96, 96, 33], [
  5,
  256,
  128,
  300,
]] as const;
const FLOATS = ["F32", "F64", "F16", "BF16", "F8_E4M3"] as const;

/** Registers the cases, with or without that of the gradient. */
export function searchCases(register: RegisterCase): void {
  register("scaleLosses, quantizationLoss and outputEnergy", async (pair) => {
    for (const [N, K, groupSize, rows] of SIZES) {
      for (const dtype of FLOATS) {
        const w = pair.random(dtype, [N, K], 0.1);
        const candidates = pair.put(pair.positive(3 * K), "F32", [3, K]);
        for (const moment of await moments(pair, rows, K)) {
          const label = `${dtype} [${N}, ${K}] ${moment.tested.kind}`;
          for (const grid of [gridOf(groupSize), gridOf(groupSize, { bits: 3, symmetric: true })]) {
            const losses = await pair.run((backend, use) =>
              backend.scaleLosses(use(w), use(moment), grid, use(candidates))
            );
            assert.ok(losses.tested instanceof Float64Array);
            assertClose(losses, 1e-4, label);
            const loss = await pair.run(async (backend, use) => {
              if (dtype === "F64" || dtype === "F8_E4M3") return 0;
              using weight = await backend.quantize(use(w), grid);
              return await backend.quantizationLoss(use(w), use(moment), weight);
            });
            assertNear(loss, 1e-4, label);
          }
          const energy = await pair.run((backend, use) =>
            backend.outputEnergy(use(w), use(moment))
          );
          assertNear(energy, 1e-4, label);
        }
      }
    }
  });

  gradientCase(register);

  register("clipSearch", async (pair) => {
    for (const [N, K, groupSize, rows] of SIZES) {
      for (const dtype of FLOATS) {
        // Cubes have heavy tails, which are worth clipping.
        const values = pair.normal(N * K).map((value) => value ** 3);
        const w = pair.put(values, dtype, [N, K]);
        for (const moment of await moments(pair, rows, K)) {
          for (const bits of [2, 4]) {
            const grid = gridOf(groupSize, { bits });
            const options = { steps: 10, maxShrink: bits === 4 ? 0.5 : 0.75 };
            const found = await pair.run((backend, use) =>
              backend.clipSearch(use(w), use(moment), grid, options)
            );
            await sameBounds(pair, { w, moment, grid, found });
          }
        }
      }
    }
    const zero = pair.put(new Float32Array(8), "F32", [1, 8]);
    const [moment] = await moments(pair, 4, 8);
    const none = await pair.run((backend, use) =>
      backend.clipSearch(use(zero), use(moment!), gridOf(8), { steps: 10, maxShrink: 0.5 })
    );
    assert.equal(none.tested.clipped, 0);
  });

  register("searchRanges", async (pair) => {
    for (const [N, K, groupSize, rows] of SIZES) {
      for (const dtype of ["F32", "BF16"] as const) {
        const w = pair.put(pair.normal(N * K).map((value) => value ** 3), dtype, [N, K]);
        for (const moment of await moments(pair, rows, K)) {
          for (const symmetric of [false, true]) {
            const grid = gridOf(groupSize, { bits: 3, symmetric });
            const options = { steps: 10, maxShrink: 0.5, sweeps: 2 };
            const label = `${dtype} [${N}, ${K}] ${moment.tested.kind}`;
            const losses = await pair.run(async (backend, use) => {
              const found = await backend.searchRanges(use(w), use(moment), grid, options);
              using searched = found.weight;
              using plain = await backend.quantize(use(w), grid);
              const groups = searched.scales.size;
              assert.ok(found.clipped <= groups, `${found.clipped} clipped`);
              return {
                searched: await backend.quantizationLoss(use(w), use(moment), searched),
                plain: await backend.quantizationLoss(use(w), use(moment), plain),
              };
            });
            const most = K < 30 ? 1 : 0.9; // four weights may all be best where they are
            assert.ok(losses.tested.searched <= most * losses.tested.plain, `${label}: no gain`);
            // Near ties may be broken another way, after which the paths part.
            assertNear(
              { tested: losses.tested.searched, oracle: losses.oracle.searched },
              0.02,
              label,
            );
          }
        }
      }
    }
    const zero = pair.put(new Float32Array(8), "F32", [1, 8]);
    const [moment] = await moments(pair, 4, 8);
    const codes = await pair.run(async (backend, use) => {
      const options = { steps: 10, maxShrink: 0.5, sweeps: 1 };
      const found = await backend.searchRanges(use(zero), use(moment!), gridOf(8), options);
      using weight = found.weight;
      assert.equal(found.clipped, 0);
      return backend.downloadBytes(weight.codes);
    });
    assert.deepEqual(codes.tested, codes.oracle);
  });

  register("refineScales", async (pair) => {
    for (const [N, K, groupSize, rows] of SIZES) {
      const weights = [
        pair.random("F32", [N, K], 0.1),
        pair.random("BF16", [N + 2, K], 0.1),
      ];
      const [moment] = await moments(pair, rows, K);
      if (moment!.tested.kind !== "gram" || moment!.oracle.kind !== "gram") assert.fail();
      const gram = { tested: moment!.tested.gram, oracle: moment!.oracle.gram };
      const start = pair.positive(K);
      const factors = Float32Array.of(0.5, 0.8, 1.25, 1.5);
      for (const shared of [1, 2]) {
        const channelOf = Uint32Array.from(start, (_, k) => k % Math.ceil(K / shared));
        const grid = gridOf(groupSize, { bits: 3 });
        const { tested, oracle } = await pair.run((backend, use) =>
          backend.refineScales(weights.map((w) => use(w)), use(gram), grid, start, {
            factors,
            channelOf,
          })
        );
        assertNear({ tested: tested.initialLoss, oracle: oracle.initialLoss }, 1e-4, "first loss");
        assert.ok(tested.loss <= tested.initialLoss, "the loss does not rise");
        // Near ties may be broken another way, after which the paths part.
        const reached = { tested: tested.loss, oracle: oracle.loss };
        assertNear(reached, K <= 30 ? 0.15 : 0.05, `[${N}, ${K}] loss`);
        assertNear({
          tested: tested.loss,
          oracle: await lossOf(pair, weights, gram, grid, tested.s),
        }, 1e-4);
        const ratios = tested.s.map((value, k) => value / start[k]!);
        ratios.forEach((ratio, k) => {
          const allowed = [1, ...factors].some((factor) => Math.abs(factor - ratio) < 1e-5);
          assert.ok(allowed, `input ${k} was scaled by ${ratio}`);
          const together = ratios[channelOf.indexOf(channelOf[k]!)]!;
          assert.ok(Math.abs(ratio - together) < 1e-5, "inputs of one channel move together");
        });
      }
    }
  });

  register("refineScales keeps scales that it cannot better", async (pair) => {
    const w = pair.random("F32", [4, 16], 0.1);
    const gram = pair.put(new Float32Array(256), "F32", [16, 16]);
    const start = pair.positive(16);
    const { tested } = await pair.run((backend, use) =>
      backend.refineScales([use(w)], use(gram), gridOf(16), start, {
        factors: Float32Array.of(0.5, 2),
        channelOf: Uint32Array.from(start, (_, k) => k),
      })
    );
    assert.deepEqual([tested.loss, tested.initialLoss, [...tested.s]], [0, 0, [...start]]);
  });
}

function gradientCase(register: RegisterCase): void {
  register("scaleGradient", async (pair) => {
    for (const [N, K, groupSize, rows] of [...SIZES, [250, 520, 104, 260]] as const) {
      for (const dtype of N > 100 ? ["F32"] as const : FLOATS) {
        const w = pair.random(dtype, [N, K], 0.1);
        const s = pair.positive(K);
        for (const moment of await moments(pair, rows, K)) {
          for (
            const more of [{}, { bits: 3, symmetric: true }, { range: "zero" as const, bits: 2 }]
          ) {
            const label = `${dtype} [${N}, ${K}] ${moment.tested.kind} ${JSON.stringify(more)}`;
            const grid = gridOf(groupSize, more);
            const { tested, oracle } = await pair.run((backend, use) =>
              backend.scaleGradient(use(w), use(moment), grid, s)
            );
            assertNear({ tested: tested.loss, oracle: oracle.loss }, 1e-4, label);
            assert.ok(tested.gradient instanceof Float64Array);
            // Sums of terms of both signs: they are held against the largest of them.
            const largest = oracle.gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
            oracle.gradient.forEach((expected, k) => {
              const difference = Math.abs(tested.gradient[k]! - expected);
              assert.ok(difference <= 1e-4 * largest, `${label} [${k}]: off by ${difference}`);
            });
          }
        }
      }
    }
  });
}

function gridOf(groupSize: number, more: Partial<AffineGrid> = {}): AffineGrid {
  return { bits: 4, groupSize, symmetric: false, scaleDtype: "F16", range: "minmax", ...more };
}

/** The same inputs as a Gram and as a weighted sample. */
async function moments(pair: Pair, rows: number, K: number): Promise<Both<InputMoment>[]> {
  const x = pair.random("F32", [rows, K]);
  const gram = pair.put(new Float32Array(K * K), "F32", [K, K]);
  await pair.oracle.accumulateGram(x.oracle, gram.oracle);
  await pair.tested.copyRows(
    pair.put(pair.oracle.download(gram.oracle), "F32", [K, K]).tested,
    gram.tested,
    0,
  );
  return [
    {
      tested: { kind: "gram", gram: gram.tested },
      oracle: { kind: "gram", gram: gram.oracle },
    },
    {
      tested: { kind: "tokens", sample: x.tested, weight: 2.5 },
      oracle: { kind: "tokens", sample: x.oracle, weight: 2.5 },
    },
  ];
}

/** Equal bounds, or bounds whose errors the reference finds equal to 1e-4. */
async function sameBounds(
  pair: Pair,
  { w, moment, grid, found }: {
    w: Both<Tensor>;
    moment: Both<InputMoment>;
    grid: AffineGrid;
    found: Both<{ bounds: Tensor; clipped: number }>;
  },
): Promise<void> {
  const bounds = pair.values({ tested: found.tested.bounds, oracle: found.oracle.bounds });
  const groups = found.oracle.bounds.shape[1]!;
  let different = 0;
  for (let at = 0; at < bounds.oracle.length; at++) {
    if (bounds.tested[at] === bounds.oracle[at]) continue;
    different++;
    const row = Math.floor(at / groups);
    const of = (bound: number) =>
      groupError(pair.oracle, w.oracle, moment.oracle, grid, row, at % groups, bound);
    assertNear(
      { tested: await of(bounds.tested[at]!), oracle: await of(bounds.oracle[at]!) },
      1e-4,
      `error of bound ${bounds.tested[at]} instead of ${bounds.oracle[at]} at [${row}, ${
        at % groups
      }]`,
    );
  }
  assert.ok(different <= Math.ceil(bounds.oracle.length / 20), `${different} bounds differ`);
  if (different === 0) assert.equal(found.tested.clipped, found.oracle.clipped);
}

/** The error of one group alone: the moment of all other inputs is taken as zero. */
async function groupError(
  backend: Backend,
  w: Tensor,
  moment: InputMoment,
  grid: AffineGrid,
  row: number,
  group: number,
  bound: number,
): Promise<number> {
  const K = w.shape[1]!;
  const inside = (k: number) => Math.floor(k / grid.groupSize) === group;
  const source = moment.kind === "gram" ? moment.gram : moment.sample;
  const data = backend.download(source).map((value, i) =>
    inside(i % K) && (moment.kind === "tokens" || inside(Math.floor(i / K))) ? value : 0
  );
  using part = backend.upload(data, "F32", source.shape);
  using line = backend.rows(w, row, 1);
  using weight = await backend.cast(line, "F32");
  using bounds = backend.upload(new Float32Array(K / grid.groupSize).fill(bound), "F32", [
    1,
    K / grid.groupSize,
  ]);
  using quantized = await backend.quantize(weight, grid, { bounds });
  const known: InputMoment = moment.kind === "gram"
    ? { kind: "gram", gram: part }
    : { kind: "tokens", sample: part, weight: 1 };
  return await backend.quantizationLoss(weight, known, quantized);
}

async function lossOf(
  pair: Pair,
  weights: readonly Both<Tensor>[],
  gram: Both<Tensor>,
  grid: AffineGrid,
  s: Float32Array,
): Promise<number> {
  using candidate = pair.oracle.upload(s, "F32", [1, s.length]);
  let total = 0;
  for (const w of weights) {
    const moment = { kind: "gram", gram: gram.oracle } as const;
    total += (await pair.oracle.scaleLosses(w.oracle, moment, grid, candidate))[0]!;
  }
  return total;
}
