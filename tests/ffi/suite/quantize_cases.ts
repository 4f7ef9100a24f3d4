/**
 * The affine grid: every backend must choose the same integers.
 *
 * @module
 */

import type { AffineGrid } from "../../../core/backend.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertSame } from "./compare.ts";
import type { Pair } from "./pair.ts";

const SIZES = [[1, 1, 1], [2, 6, 3], [3, 32, 32], [5, 96, 32], [4, 136, 17], [
  9,
  256,
  128,
]] as const;

/** All grids of a group size. */
function* grids(groupSize: number): Generator<AffineGrid> {
  for (let bits = 2; bits <= 8; bits++) {
    for (const scaleDtype of ["F16", "BF16", "F32"] as const) {
      yield { bits, groupSize, symmetric: true, scaleDtype, range: "minmax" };
      yield { bits, groupSize, symmetric: false, scaleDtype, range: "minmax" };
      yield { bits, groupSize, symmetric: false, scaleDtype, range: "zero" };
    }
  }
}

/** Registers the cases. */
export function quantizeCases(register: RegisterCase): void {
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    register(`quantize and dequantize ${dtype}`, async (pair) => {
      for (const [N, K, groupSize] of SIZES) {
        const w = pair.random(dtype, [N, K], 0.1);
        for (const grid of grids(groupSize)) await sameIntegers(pair, w, grid);
      }
    });
  }

  register("quantize clamped groups", async (pair) => {
    for (const [N, K, groupSize] of SIZES) {
      const w = pair.random("F32", [N, K]);
      const bounds = pair.put(pair.normal(N * K / groupSize).map(Math.abs), "F32", [
        N,
        K / groupSize,
      ]);
      for (const grid of grids(groupSize)) await sameIntegers(pair, w, grid, bounds);
    }
  });

  register("quantize awkward groups", async (pair) => {
    const spread = (values: readonly number[]) =>
      Float32Array.from({ length: 16 }, (_, i) => values[i % values.length]!);
    const rows = [
      [0],
      [0, -0],
      [1],
      [-1],
      [5, 6, 5.5],
      [-5, -6],
      [1e-6, -1e-6],
      [1e-38, 1e-45],
      [1e30, -1e30],
      [3e38, -3e38],
      [65504, -65504],
      [0, 0, 0, 1],
      [-7.5, 7.5, 0.5, 1.5, 2.5, -0.5, -1.5, 3.5],
      [-8, 7, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
      [Infinity, 1],
      [-Infinity, 1],
    ].map(spread);
    const values = Float32Array.of(...rows.flatMap((row) => [...row]));
    const w = pair.put(values, "F32", [rows.length, 16]);
    for (const grid of grids(8)) await sameIntegers(pair, w, grid);
  });

  register("a NaN does not touch the other weights of its group", async (pair) => {
    const values = Float32Array.of(-1, 1, NaN, 0.5, 0.25, -0.75, 0.125, 1);
    const w = pair.put(values, "F32", [1, 8]);
    for (const grid of grids(8)) {
      const weight = await pair.run((backend, use) => backend.quantize(use(w), grid));
      const others = await pair.run((backend, use) => {
        const { codes, scales, zeros } = use(weight);
        const bytes = [...backend.downloadBytes(codes)].filter((_, i) => i !== 2);
        return [...bytes, backend.download(scales)[0]!, backend.downloadBytes(zeros)[0]!];
      });
      assertSame(others, JSON.stringify(grid));
    }
  });

  register("fakeQuantize, with scales and without", async (pair) => {
    for (const dtype of ["F64", "F32", "F16", "BF16", "F8_E4M3"] as const) {
      for (const [N, K, groupSize] of SIZES) {
        const w = pair.random(dtype, [N, K], 0.1);
        const s = pair.positive(K);
        for (const grid of grids(groupSize)) {
          for (const scales of [undefined, s]) {
            const result = await pair.run((backend, use) =>
              backend.fakeQuantize(use(w), grid, scales)
            );
            assertSame(pair.values(result), `${dtype} ${JSON.stringify(grid)}`);
          }
        }
      }
    }
  });
}

async function sameIntegers(
  pair: Pair,
  w: Awaited<ReturnType<Pair["random"]>>,
  grid: AffineGrid,
  bounds?: typeof w,
): Promise<void> {
  const label = JSON.stringify({ shape: w.tested.shape, grid });
  const weight = await pair.run((backend, use) =>
    backend.quantize(use(w), grid, { bounds: bounds && use(bounds) })
  );
  const part = (name: "codes" | "scales" | "zeros") =>
    pair.values({ tested: weight.tested[name], oracle: weight.oracle[name] });
  assert.deepEqual({ ...weight.tested.grid }, { ...grid });
  assertSame(part("scales"), `scales ${label}`);
  assertSame(part("zeros"), `zeros ${label}`);
  assertSame(part("codes"), `codes ${label}`);
  const values = await pair.run((backend, use) => backend.dequantize(use(weight)));
  assertSame(pair.values(values), `values ${label}`);
}
