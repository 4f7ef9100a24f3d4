import type { AffineGrid, InputMoment } from "../../../core/backend.ts";
import { GroupRounder } from "../../../ffi/reference/group_rounder.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { seededRandom } from "../../../core/random.ts";
import { assertAllClose, flat, golden } from "./golden.ts";
import assert from "node:assert/strict";

const { gradients } = golden;

Deno.test("the gradient of scales is that of torch's autograd, straight through rounding", async () => {
  using backend = createReferenceBackend();
  const [x, w] = [flat(gradients.x), flat(gradients.w)];
  const sample = backend.upload(x.values, "F32", x.shape);
  const gram = backend.zeros("F32", [16, 16]);
  await backend.accumulateGram(sample, gram);
  const weight = backend.upload(w.values, "F32", w.shape);
  const moments: InputMoment[] = [
    { kind: "gram", gram },
    { kind: "tokens", sample, weight: 1 },
  ];
  const s = Float32Array.from(gradients.s);
  assert.equal(gradients.cases.length, 3);
  for (const { grid, loss, gradient } of gradients.cases) {
    for (const moment of moments) {
      const found = await backend.scaleGradient(weight, moment, grid, s);
      assertAllClose([found.loss], [loss], 1e-5);
      assertAllClose(found.gradient, gradient, 1e-4);
    }
    const half = await backend.scaleGradient(
      weight,
      { kind: "tokens", sample, weight: 0.5 },
      grid,
      s,
    );
    assertAllClose(half.gradient, gradient.map((value) => value / 2), 1e-4);
  }
});

/**
 * The loss where every weight keeps the distance to its whole number that it had at `s`: the part that is smooth, in
 * fp64. Only for grids where no weight is beyond its range.
 */
function smoothLoss(
  x: Float32Array,
  w: Float32Array,
  grid: AffineGrid,
  s: Float32Array,
  moved: Float64Array,
): number {
  const K = s.length;
  const rounder = new GroupRounder(grid);
  let total = 0;
  for (let row = 0; row < w.length; row += K) {
    const difference = new Float64Array(K);
    for (let first = 0; first < K; first += grid.groupSize) {
      const before = w.slice(row + first, row + first + grid.groupSize)
        .map((value, i) => value * s[first + i]!);
      rounder.fit(before, 0, before.length);
      const after = Float64Array.from(before, (v, i) => v * Math.exp(moved[first + i]!));
      const step = (Math.max(...after) - Math.min(...after)) / (2 ** grid.bits - 1);
      before.forEach((v, i) => {
        const rest = rounder.code(v) - rounder.zero - v / rounder.scale;
        const rounded = after[i]! + rest * step;
        const scale = s[first + i]! * Math.exp(moved[first + i]!);
        difference[first + i] = w[row + first + i]! - rounded / scale;
      });
    }
    for (let t = 0; t < x.length; t += K) {
      let output = 0;
      for (let k = 0; k < K; k++) output += x[t + k]! * difference[k]!;
      total += output ** 2;
    }
  }
  return total;
}

Deno.test("the gradient is that of finite differences where rounding distances stay", async () => {
  using backend = createReferenceBackend();
  const random = seededRandom("gradient");
  const [N, K, T] = [5, 16, 20];
  const draw = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => random() + random() - 1);
  const [x, w] = [draw(T * K), draw(N * K)];
  // Both ends of each group lie far out, so that the ends are the same on both sides of a difference.
  for (let i = 0; i < w.length; i += 8) [w[i], w[i + 1]] = [-2.05 - i / 100, 2.02 + i / 130];
  const s = draw(K).map((value) => Math.exp(value / 4));
  // Scales of F32: the step is then that of the smooth loss to 1e-7.
  const grid = {
    ...{ bits: 4, groupSize: 8, symmetric: false },
    scaleDtype: "F32",
    range: "zero",
  } as const;
  const sample = backend.upload(x, "F32", [T, K]);
  const weight = backend.upload(w, "F32", [N, K]);
  const moment = { kind: "tokens", sample, weight: 1 } as const;
  const { gradient, loss } = await backend.scaleGradient(weight, moment, grid, s);
  assertAllClose([smoothLoss(x, w, grid, s, new Float64Array(K))], [loss], 1e-4);
  const step = 1e-5;
  const expected = Float64Array.from(gradient, (_, k) => {
    const at = (by: number): number =>
      smoothLoss(x, w, grid, s, new Float64Array(K).fill(by, k, k + 1));
    return (at(step) - at(-step)) / (2 * step);
  });
  assertAllClose(gradient, expected, 1e-3);
  for (let first = 0; first < K; first += 8) {
    const sum = gradient.subarray(first, first + 8).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum) < 1e-5 * Math.max(...gradient.map(Math.abs)), `sum ${sum} of a group`);
  }
});
