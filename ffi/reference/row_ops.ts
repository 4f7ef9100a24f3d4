// deno-lint-ignore-file require-await -- an error of an operation must become a rejection
/**
 * Operations of a forward pass that go over rows: what families beside Llama's need.
 *
 * @module
 */

import { chooseToken, MAX_LOGITS, type Ops } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { activationOf } from "./activation.ts";
import type { Allocate } from "./allocate.ts";
import { check, floats, lengthIs, matrix, shaped, typed, within } from "./checks.ts";
import { toF32 } from "./conversion.ts";
import { layerNorm } from "./normalize.ts";

/** The operations of this file. */
export type RowOps = Pick<
  Ops,
  "layerNorm" | "activate" | "softcap" | "selectColumns" | "addRows" | "chooseTokens"
>;

/** Makes them, with `allocate` giving the new tensors. */
export function rowOps(allocate: Allocate): RowOps {
  return {
    async layerNorm(x, weight, bias, eps): Promise<Tensor> {
      const input = toF32(typed(x, "Input of a norm", ["F32"]).bytes(), "F32");
      const width = x.shape.at(-1) ?? 0;
      check(width > 0, `Cannot normalize the shape [${x.shape}]`);
      check(Number.isFinite(eps) && eps >= 0, `eps ${eps} must be finite and not negative`);
      const w = vector(weight, "Weight of a norm", width);
      const b = vector(bias, "Bias of a norm", width);
      const result = allocate("F32", x.shape);
      layerNorm(input, w, b, result.writableF32(), { eps, width });
      return result;
    },

    async activate(x, activation): Promise<void> {
      const apply = activationOf(activation);
      const values = typed(x, "Input of an activation", ["F32"]).writableF32();
      for (let i = 0; i < values.length; i++) values[i] = apply(values[i]!);
    },

    async softcap(x, cap): Promise<void> {
      check(Number.isFinite(cap) && cap > 0, `Cap ${cap} must be finite and above 0`);
      const values = typed(x, "Input of a cap", ["F32"]).writableF32();
      for (let i = 0; i < values.length; i++) values[i] = cap * Math.tanh(values[i]! / cap);
    },

    async selectColumns(x, columns): Promise<Tensor> {
      const input = toF32(typed(x, "Input", ["F32"]).bytes(), "F32");
      const { rows: T, columns: K } = matrix(x, "Input");
      for (const column of columns) within(column, "Column", -1, K - 1);
      const width = columns.length;
      const result = allocate("F32", [T, width]);
      const out = result.writableF32();
      for (let t = 0; t < T; t++) {
        for (let j = 0; j < width; j++) {
          const column = columns[j]!;
          out[t * width + j] = column < 0 ? 0 : input[t * K + column]!;
        }
      }
      return result;
    },

    async chooseTokens(logits, options, random): Promise<Int32Array> {
      const values = toF32(typed(logits, "Logits", ["F32"]).bytes(), "F32");
      const { rows, columns } = matrix(logits, "Logits");
      within(columns, "Number of logits", 1, MAX_LOGITS);
      lengthIs(random, "Random numbers", rows);
      const { temperature, topK, topP = 1 } = options;
      check(
        Number.isFinite(temperature) && temperature >= 0 && topP > 0 && topP <= 1,
        `Temperature ${temperature} must not be negative, top-p ${topP} above 0 and at most 1`,
      );
      if (topK !== undefined) within(topK, "Top-k", 1, 2 ** 32 - 1);
      for (const number of random) {
        check(number >= 0 && number < 1, `Random number ${number} is not from 0 to below 1`);
      }
      return Int32Array.from(random, (number, t) => {
        return chooseToken(values.subarray(t * columns, (t + 1) * columns), options, number);
      });
    },

    async addRows(target, source, rows, weights): Promise<void> {
      const { rows: M, columns: K } = matrix(target, "Target");
      const { rows: n } = matrix(source, "Source");
      shaped(source, "Source", [n, K]);
      const sum = typed(target, "Target", ["F32"]).writableF32();
      const values = toF32(typed(source, "Source", ["F32"]).bytes(), "F32");
      lengthIs(rows, "Rows", n);
      lengthIs(weights, "Weights", n);
      for (const row of rows) within(row, "Row", 0, M - 1);
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < K; k++) {
          sum[rows[i]! * K + k]! += Math.fround(weights[i]! * values[i * K + k]!);
        }
      }
    },
  };
}

function vector(
  tensor: Tensor | undefined,
  what: string,
  length: number,
): Float32Array<ArrayBuffer> | undefined {
  if (tensor === undefined) return undefined;
  shaped(tensor, what, [length]);
  return toF32(floats(tensor, what).bytes(), tensor.dtype);
}
