// deno-lint-ignore-file require-await -- an error of an operation must become a rejection
/**
 * The operations that gather statistics of inputs and weights, and that scale them.
 *
 * @module
 */

import type { Ops, TensorSummary } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Allocate } from "./allocate.ts";
import { check, floats, lengthIs, matrix, own, shaped, typed, within } from "./checks.ts";
import { toF32 } from "./conversion.ts";
import { accumulateGram } from "./linear.ts";
import { accumulateAbs, relativeMagnitude, summarize } from "./statistics.ts";

/** The operations of this file. */
export type StatisticsOps = Pick<
  Ops,
  | "accumulateAbs"
  | "accumulateGram"
  | "scaleColumns"
  | "scaleRows"
  | "scaleGram"
  | "summarize"
  | "relativeMagnitude"
>;

/** Makes them, with `allocate` giving the new tensors. */
export function statisticsOps(allocate: Allocate): StatisticsOps {
  return {
    async accumulateAbs(x, sum, max): Promise<void> {
      const values = toF32(typed(x, "Input", ["F32"]).bytes(), "F32");
      const { columns: K } = matrix(x, "Input");
      shaped(sum, "Sum", [K]);
      shaped(max, "Maximum", [K]);
      const sumBytes = typed(sum, "Sum", ["F64"]).writableBytes();
      const sums = new Float64Array(sumBytes.buffer, sumBytes.byteOffset, K);
      accumulateAbs(values, sums, typed(max, "Maximum", ["F32"]).writableF32());
    },

    async accumulateGram(x, gram): Promise<void> {
      const values = toF32(typed(x, "Input", ["F32"]).bytes(), "F32");
      const { rows: T, columns: K } = matrix(x, "Input");
      shaped(gram, "Gram", [K, K]);
      accumulateGram(values, typed(gram, "Gram", ["F32"]).writableF32(), T, K);
    },

    async scaleColumns(w, factors): Promise<Tensor> {
      const { columns: K } = matrix(w, "Weight");
      lengthIs(factors, "Factors", K);
      return scaled(w, (i) => factors[i % K]!);
    },

    async scaleRows(w, factors): Promise<Tensor> {
      check(w.shape.length === 1 || w.shape.length === 2, `Cannot scale rows of [${w.shape}]`);
      lengthIs(factors, "Factors", w.shape[0]!);
      const width = w.shape[1] ?? 1;
      return scaled(w, (i) => factors[Math.floor(i / width)]!);
    },

    async scaleGram(gram, factors): Promise<void> {
      const K = factors.length;
      shaped(gram, "Gram", [K, K]);
      const values = typed(gram, "Gram", ["F32"]).writableF32();
      for (let i = 0; i < K; i++) {
        for (let j = 0; j < K; j++) values[i * K + j]! *= factors[i]! * factors[j]!;
      }
    },

    async summarize(tensor): Promise<TensorSummary> {
      const mine = own(tensor);
      return summarize(toF32(mine.bytes(), mine.dtype), mine.shape.at(-1) ?? 1);
    },

    async relativeMagnitude(w, groupSize): Promise<Float32Array> {
      const values = toF32(floats(w, "Weight").bytes(), w.dtype);
      const { rows, columns } = matrix(w, "Weight");
      within(groupSize, "Group size", 1, columns);
      check(columns % groupSize === 0, `Group size ${groupSize} does not divide ${columns} inputs`);
      return relativeMagnitude(values, rows, columns, groupSize);
    },
  };

  /** A copy as F32 with element i multiplied by `factor(i)`. */
  function scaled(w: Tensor, factor: (i: number) => number): Tensor {
    const values = toF32(floats(w, "Weight").bytes(), w.dtype);
    const result = allocate("F32", w.shape);
    const out = result.writableF32();
    for (let i = 0; i < out.length; i++) out[i] = values[i]! * factor(i);
    return result;
  }
}
