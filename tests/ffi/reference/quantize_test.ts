import type { AffineGrid } from "../../../core/backend.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import fc from "fast-check";
import assert from "node:assert/strict";
import { flat, golden } from "./golden.ts";

const backend = createReferenceBackend();

interface Quantized {
  codes: number[];
  scales: number[];
  zeros: number[];
  values: Float32Array;
}

async function quantize(
  values: Float32Array,
  shape: readonly [number, number],
  grid: AffineGrid,
  bounds?: readonly number[],
): Promise<Quantized> {
  using w = backend.upload(values, "F32", shape);
  using limits = bounds &&
    backend.upload(Float32Array.from(bounds), "F32", [shape[0], shape[1] / grid.groupSize]);
  using weight = await backend.quantize(w, grid, { bounds: limits });
  using result = await backend.dequantize(weight);
  return {
    codes: [...backend.downloadBytes(weight.codes)],
    scales: [...backend.download(weight.scales)],
    zeros: [...backend.downloadBytes(weight.zeros)],
    values: backend.download(result),
  };
}

const anyGrid: fc.Arbitrary<AffineGrid> = fc.record({
  bits: fc.integer({ min: 2, max: 8 }),
  groupSize: fc.constantFrom(1, 4, 8),
  symmetric: fc.boolean(),
  scaleDtype: fc.constantFrom("F16", "BF16", "F32"),
  range: fc.constantFrom("zero", "minmax"),
});

const anyWeights = fc.float32Array({
  minLength: 16,
  maxLength: 16,
  min: -100,
  max: 100,
  noNaN: true,
});

Deno.test("codes, zero points and scales are those of the published rule in torch", async () => {
  const { values, shape } = flat(golden.grids.w);
  assert.equal(golden.grids.cases.length, 36);
  for (const { grid, scales, zeros, codes } of golden.grids.cases) {
    const result = await quantize(values, shape, grid);
    const label = JSON.stringify(grid);
    assert.deepEqual(result.scales, scales.flat(), label);
    assert.deepEqual(result.zeros, zeros.flat(), label);
    assert.equal(Uint8Array.from(result.codes).toHex(), codes, label);
  }
});

Deno.test("a group worked out by hand", async () => {
  const grid = {
    bits: 2,
    groupSize: 4,
    symmetric: false,
    scaleDtype: "F32",
    range: "minmax",
  } as const;
  // Range 3, scale 1, zero point 1; 0.5 and 1.5 are ties that go to 0 and 2.
  assert.deepEqual(await quantize(Float32Array.of(-1, 2, 0.5, 1.5), [1, 4], grid), {
    codes: [0, 3, 1, 3],
    scales: [1],
    zeros: [1],
    values: Float32Array.of(-1, 2, 0, 2),
  });
});

Deno.test("a group on one side of zero saturates, unless its range is made to hold zero", async () => {
  const grid = { bits: 4, groupSize: 4, symmetric: false, scaleDtype: "F32" } as const;
  const group = Float32Array.of(5, 6, 5.5, 5.25);
  const saturated = await quantize(group, [1, 4], { ...grid, range: "minmax" });
  assert.deepEqual([saturated.codes, saturated.zeros], [[15, 15, 15, 15], [0]]);
  const whole = await quantize(group, [1, 4], { ...grid, range: "zero" });
  assert.deepEqual(whole.scales, [Math.fround(6 / 15)]);
  assert.deepEqual(whole.codes, [12, 15, 14, 13]);
});

Deno.test("a scale that its type cannot hold becomes its largest or smallest", async () => {
  const grid = { bits: 4, groupSize: 2, symmetric: false, range: "minmax" } as const;
  const huge = Float32Array.of(-3e38, 3e38);
  const scaleOf = async (scaleDtype: "F16" | "F32") =>
    (await quantize(huge, [1, 2], { ...grid, scaleDtype })).scales[0];
  assert.equal(await scaleOf("F16"), 65504);
  assert.equal(await scaleOf("F32"), Math.fround((2 - 2 ** -23) * 2 ** 127));
});

Deno.test("NaN has no part in fitting a grid, and gets its zero point", async () => {
  const grid = {
    bits: 4,
    groupSize: 4,
    symmetric: false,
    scaleDtype: "F32",
    range: "minmax",
  } as const;
  const values = Float32Array.of(NaN, -7, 8, 1, NaN, NaN, NaN, NaN);
  const { codes, scales, zeros } = await quantize(values, [1, 8], grid);
  assert.deepEqual(codes, [7, 0, 15, 8, 0, 0, 0, 0]);
  assert.deepEqual([scales, zeros], [[1, Math.fround(Math.fround(1e-5) / 15)], [7, 0]]);
});

Deno.test("bounds clamp a group before its grid is fitted", async () => {
  const grid = {
    bits: 3,
    groupSize: 4,
    symmetric: false,
    scaleDtype: "F32",
    range: "minmax",
  } as const;
  const values = Float32Array.of(-9, 1, 0.25, 30, -1, 1, 0.5, 0);
  const clamped = values.map((value, i) => i < 4 ? Math.max(-2, Math.min(2, value)) : value);
  assert.deepEqual(
    await quantize(values, [1, 8], grid, [2, 5]),
    await quantize(clamped, [1, 8], grid),
  );
});

Deno.test("a weight on any grid is within half a step, inside the grid's range", async () => {
  await fc.assert(fc.asyncProperty(anyGrid, anyWeights, async (grid, weights) => {
    const { codes, scales, zeros, values } = await quantize(weights, [2, 8], grid);
    const maxCode = 2 ** grid.bits - 1;
    values.forEach((value, i) => {
      const group = Math.floor(i / grid.groupSize);
      const [code, scale, zero] = [codes[i]!, scales[group]!, zeros[group]!];
      assert.ok(scale > 0 && code >= 0 && code <= maxCode && zero >= 0 && zero <= maxCode);
      if (grid.symmetric) assert.equal(zero, 2 ** (grid.bits - 1));
      assert.equal(value, Math.fround((code - zero) * scale));
      const inside = Math.max(-zero * scale, Math.min((maxCode - zero) * scale, weights[i]!));
      const error = Math.abs(value - inside);
      assert.ok(
        error <= scale / 2 * (1 + 1e-5) + 1e-6 * Math.abs(inside),
        `off by ${error / scale}`,
      );
    });
  }));
});

Deno.test("with zero in the range or a symmetric grid no weight changes its sign", async () => {
  await fc.assert(fc.asyncProperty(anyGrid, anyWeights, async (grid, weights) => {
    const { values } = await quantize(weights, [2, 8], { ...grid, range: "zero" });
    values.forEach((value, i) => {
      assert.ok(value === 0 || Math.sign(value) === Math.sign(weights[i]!));
    });
  }));
});

Deno.test("a symmetric grid mirrors: -w has the negated values, where -maxCode/2 is not used", async () => {
  await fc.assert(fc.asyncProperty(anyGrid, anyWeights, async (grid, weights) => {
    // fp32 scales do not shrink, so no weight is beyond the grid's smaller side.
    const symmetric = { ...grid, symmetric: true, scaleDtype: "F32" } as const;
    const { values } = await quantize(weights, [2, 8], symmetric);
    const mirrored = await quantize(weights.map((value) => -value), [2, 8], symmetric);
    mirrored.values.forEach((value, i) => assert.equal(value + values[i]!, 0));
  }));
});

Deno.test("values on a symmetric fp32 grid stay where they are", async () => {
  const symmetric = anyGrid.map((grid) => ({
    ...grid,
    symmetric: true,
    scaleDtype: "F32" as const,
  }));
  await fc.assert(fc.asyncProperty(symmetric, anyWeights, async (grid, weights) => {
    const once = await quantize(weights, [2, 8], grid);
    const twice = await quantize(once.values as Float32Array, [2, 8], grid);
    assert.deepEqual(twice.codes, once.codes);
  }));
});

Deno.test("fakeQuantize is quantize and dequantize, and divides its scales out again", async () => {
  await fc.assert(fc.asyncProperty(anyGrid, anyWeights, async (grid, weights) => {
    using w = backend.upload(weights, "F32", [2, 8]);
    using plain = await backend.fakeQuantize(w, grid);
    assert.deepEqual(backend.download(plain), (await quantize(weights, [2, 8], grid)).values);
    const s = Float32Array.from({ length: 8 }, (_, k) => 0.5 + k / 4);
    using scaled = await backend.fakeQuantize(w, grid, s);
    const { values } = await quantize(weights.map((v, i) => v * s[i % 8]!), [2, 8], grid);
    assert.deepEqual(backend.download(scaled), values.map((value, i) => value / s[i % 8]!));
  }));
});
