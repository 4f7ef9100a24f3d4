/**
 * Numbers that `tools/golden_ops.py` computed with torch, and how to compare with them.
 *
 * @module
 */

import type { AffineGrid, AttentionShape, RopeShape } from "../../../core/backend.ts";
import assert from "node:assert/strict";

type Matrix = readonly (readonly number[])[];

/** What the script wrote. */
export interface Golden {
  linear: { x: Matrix; w: Matrix; b: number[]; y: Matrix; bf16: Matrix };
  rmsNorm: { x: Matrix; w: number[]; eps: number; y: Matrix; offset: Matrix };
  rope: { x: Matrix; table: Matrix; shape: RopeShape; y: Matrix };
  attention: { shape: AttentionShape; q: Matrix; k: Matrix; v: Matrix; y: Matrix }[];
  activations: { x: number[] } & Record<"silu" | "gelu" | "gelu_tanh", number[]>;
  logLikelihood: { logits: Matrix; targets: number[]; losses: number[] };
  casts: { f32: number[]; f16: number[]; bf16: number[]; f8: (number | null)[] };
  grids: {
    w: Matrix;
    cases: { grid: AffineGrid; scales: Matrix; zeros: Matrix; codes: string }[];
  };
  searches: {
    x: Matrix;
    w: Matrix;
    candidates: Matrix;
    losses: number[];
    energy: number;
    bounds: Matrix;
    magnitude: number[];
    gram: Matrix;
    absSum: number[];
    absMax: number[];
    refined: { factors: number[]; initialLoss: number; loss: number; s: number[] };
  };
  gradients: {
    x: Matrix;
    w: Matrix;
    s: number[];
    cases: { grid: AffineGrid; loss: number; gradient: number[] }[];
  };
}

/** The numbers. */
export const golden: Golden = JSON.parse(
  Deno.readTextFileSync(new URL("golden_ops.json", import.meta.url)),
);

/** The rows of a matrix one after the other, and its shape. */
export function flat(matrix: Matrix): {
  values: Float32Array<ArrayBuffer>;
  shape: [number, number];
} {
  return { values: Float32Array.from(matrix.flat()), shape: [matrix.length, matrix[0]!.length] };
}

/** Every number within `relative` of the largest expected one. */
export function assertAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative = 2e-7,
): void {
  assert.equal(actual.length, expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(difference <= relative * largest, `[${i}]: ${actual[i]} is not ${expected[i]}`);
  }
}
