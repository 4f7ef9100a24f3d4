// deno-lint-ignore-file require-await -- an error of an operation must become a rejection
/**
 * The operations of a forward pass.
 *
 * @module
 */

import type { AttentionShape, Ops, PackedWeight, RopeShape, Weight } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { activationOf } from "./activation.ts";
import type { Allocate } from "./allocate.ts";
import { attention } from "./attention.ts";
import { check, floats, lengthIs, matrix, shaped, typed, within } from "./checks.ts";
import { toF32 } from "./conversion.ts";
import { linear, packedLinear } from "./linear.ts";
import { roundedInputs, scaleOutputs } from "./rounded_inputs.ts";
import { negativeLogLikelihood, rmsNorm } from "./normalize.ts";
import { ownPacked } from "./packed_weight.ts";
import { rope } from "./rope.ts";

/** The operations of this file. */
export type ModelOps = Pick<
  Ops,
  | "linear"
  | "rmsNorm"
  | "rope"
  | "attention"
  | "gatedActivation"
  | "addInPlace"
  | "negativeLogLikelihood"
>;

/** Makes them, with `allocate` giving the new tensors. */
export function modelOps(allocate: Allocate): ModelOps {
  return {
    async linear(x, weight, options = {}): Promise<Tensor> {
      const input = f32(x, "Input of a linear");
      const { rows: T, columns: K } = matrix(x, "Input of a linear");
      const N = weight.shape[0] ?? 0;
      const size = { T, K, N };
      check(
        weight.shape.length === 2 && weight.shape[1] === K,
        `Weight [${weight.shape}] does not fit an input of ${K} channels`,
      );
      if (options.bias !== undefined) shaped(options.bias, "Bias", [N]);
      const bias = options.bias === undefined ? undefined : f32(options.bias, "Bias");
      const rounded = roundedInputs(input, options.activation, size);
      const plainBias = rounded === undefined ? bias : undefined;
      const used = rounded?.integers ?? input;
      const packed = isPacked(weight) ? ownPacked(weight) : undefined;
      const plain = isPacked(weight) ? undefined : anyFloat(weight, "Weight");
      const result = allocate("F32", [T, N]); // after everything that may refuse
      const y = result.writableF32();
      if (packed !== undefined) packedLinear(used, packed, plainBias, y, size);
      if (plain !== undefined) {
        const bf16 = rounded === undefined && options.precision === "bf16";
        linear(used, plain, plainBias, y, size, bf16);
      }
      if (rounded !== undefined) scaleOutputs(y, rounded.scales, bias, size);
      return result;
    },

    async rmsNorm(x, weight, eps, offset): Promise<Tensor> {
      const input = f32(x, "Input of a norm");
      shaped(weight, "Weight of a norm", [x.shape.at(-1) ?? 1]);
      const result = allocate("F32", x.shape);
      rmsNorm(input, anyFloat(weight, "Weight of a norm"), result.writableF32(), eps, offset);
      return result;
    },

    async rope(x, table, shape): Promise<void> {
      const angles = f32(table, "Rotary table");
      const values = typed(x, "Input of a rotation", ["F32"]).writableF32();
      const { rows: T, columns } = matrix(x, "Input of a rotation");
      const { rows: positions, columns: R } = matrix(table, "Rotary table");
      checkRope(shape, { T, columns, positions, R });
      rope(values, angles, shape, { T, R });
    },

    async attention(q, k, v, shape): Promise<Tensor> {
      const rows = checkAttention(q, k, v, shape);
      const [query, key, value] = [f32(q, "Queries"), f32(k, "Keys"), f32(v, "Values")];
      const result = allocate("F32", q.shape);
      attention(query, key, value, result.writableF32(), shape, rows);
      return result;
    },

    async gatedActivation(gate, up, activation): Promise<Tensor> {
      shaped(up, "Up projection", gate.shape);
      const [a, b] = [f32(gate, "Gate"), f32(up, "Up projection")];
      const apply = activationOf(activation);
      const result = allocate("F32", gate.shape);
      const out = result.writableF32();
      for (let i = 0; i < out.length; i++) out[i] = apply(a[i]!) * b[i]!;
      return result;
    },

    async addInPlace(x, y): Promise<void> {
      shaped(y, "Summand", x.shape);
      const values = typed(x, "Sum", ["F32"]).writableF32();
      const other = f32(y, "Summand");
      for (let i = 0; i < values.length; i++) values[i]! += other[i]!;
    },

    async negativeLogLikelihood(logits, targets): Promise<Float64Array> {
      const values = f32(logits, "Logits");
      const { rows, columns } = matrix(logits, "Logits");
      lengthIs(targets, "Targets", rows);
      for (const target of targets) within(target, "Target", -1, columns - 1);
      return negativeLogLikelihood(values, targets, columns);
    },
  };
}

function isPacked(weight: Weight): weight is PackedWeight {
  return "packed" in weight;
}

function f32(tensor: Tensor, what: string): Float32Array<ArrayBuffer> {
  return toF32(typed(tensor, what, ["F32"]).bytes(), "F32");
}

function anyFloat(tensor: Tensor, what: string): Float32Array<ArrayBuffer> {
  return toF32(floats(tensor, what).bytes(), tensor.dtype);
}

function checkRope(
  { heads, headDim, sequences, start }: RopeShape,
  { T, columns, positions, R }: { T: number; columns: number; positions: number; R: number },
): void {
  check(
    heads * headDim === columns,
    `${heads} heads of ${headDim} do not make ${columns} channels`,
  );
  check(R % 2 === 0 && R <= headDim, `Cannot rotate ${R} of ${headDim} channels`);
  check(sequences > 0 && T % sequences === 0, `${T} rows are not ${sequences} equal sequences`);
  within(start, "First position", 0, positions - T / sequences);
}

/** Rows of one sequence in q, and in k and v. */
function checkAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  shape: AttentionShape,
): { queries: number; keyRows: number } {
  const { heads, kvHeads, headDim, sequences, queryStart, window } = shape;
  const queryRows = matrix(q, "Queries").rows;
  const allKeyRows = matrix(k, "Keys").rows;
  check(
    kvHeads > 0 && heads % kvHeads === 0,
    `${kvHeads} key heads do not divide ${heads} query heads`,
  );
  shaped(q, "Queries", [queryRows, heads * headDim]);
  shaped(k, "Keys", [allKeyRows, kvHeads * headDim]);
  shaped(v, "Values", [allKeyRows, kvHeads * headDim]);
  check(
    sequences > 0 && queryRows % sequences === 0 && allKeyRows % sequences === 0,
    `${queryRows} query and ${allKeyRows} key rows are not ${sequences} equal sequences`,
  );
  const keyLength = shape.keyLength ?? allKeyRows / sequences;
  check(
    shape.keyLength === undefined || sequences === 1,
    `Key length ${shape.keyLength} goes with one sequence, not ${sequences}`,
  );
  within(keyLength, "Key length", 0, allKeyRows / sequences);
  within(window, "Window", 0, Number.MAX_SAFE_INTEGER);
  within(queryStart, "First query's position", 0, keyLength - queryRows / sequences);
  const { softcap = 0, slopes } = shape;
  check(Number.isFinite(softcap) && softcap >= 0, `Softcap ${softcap} must be above 0, or 0`);
  if (slopes !== undefined) lengthIs(slopes, "Slopes", heads);
  return { queries: queryRows / sequences, keyRows: allKeyRows / sequences };
}
