// deno-lint-ignore-file require-await -- an error of an operation must become a rejection
/**
 * The operations of rounding with error compensation.
 *
 * @module
 */

import type { CompensatedWeight, GramFactor, Ops } from "../../core/backend.ts";
import type { Allocate } from "./allocate.ts";
import { check, floats, matrix, shaped, typed, within } from "./checks.ts";
import { compensate, factorGram, type PlainFactor } from "./compensate.ts";
import { toF32 } from "./conversion.ts";
import { checkGrid, owned, plain } from "./quantization_ops.ts";
import type { ReferenceTensor } from "./tensor.ts";

/** The operations of this file. */
export type CompensationOps = Pick<Ops, "factorGram" | "compensate">;

/** A factor whose triangle counts as memory of the backend. */
class ReferenceFactor implements GramFactor {
  readonly inputs: number;
  readonly damping: number;
  readonly byteLength: number;
  readonly #factor: PlainFactor;
  readonly #memory: ReferenceTensor;
  readonly options: { readonly order: string; readonly groupSize: number };
  #disposed = false;

  constructor(factor: PlainFactor, options: ReferenceFactor["options"], allocate: Allocate) {
    this.inputs = factor.order.length;
    this.damping = factor.damping;
    this.options = options;
    this.#memory = allocate("F64", [this.inputs, this.inputs]);
    const bytes = this.#memory.writableBytes();
    const upper = new Float64Array(bytes.buffer, bytes.byteOffset, factor.upper.length);
    upper.set(factor.upper);
    this.#factor = { ...factor, upper };
    this.byteLength = this.#memory.byteLength;
  }

  /** The numbers; an error after the end. */
  get plain(): PlainFactor {
    check(!this.#disposed, "A factor was used after it was disposed");
    return this.#factor;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#memory[Symbol.dispose]();
  }
}

/** Makes them, with `allocate` giving the new tensors. */
export function compensationOps(allocate: Allocate): CompensationOps {
  return {
    async factorGram(gram, options): Promise<GramFactor | undefined> {
      const { rows: K } = matrix(gram, "Gram");
      shaped(gram, "Gram", [K, K]);
      check(K > 0, "The Gram is empty");
      const { order, groupSize = K, damping, tries } = options;
      check(["natural", "activation", "groups"].includes(order), `There is no order ${order}`);
      if (order === "groups") {
        within(groupSize, "Group size", 1, K);
        check(K % groupSize === 0, `Group size ${groupSize} does not divide ${K} inputs`);
      }
      check(Number.isFinite(damping) && damping >= 0, `Damping must be 0 or more, not ${damping}`);
      within(tries, "Tries", 1, 100);
      const values = toF32(typed(gram, "Gram", ["F32"]).bytes(), "F32");
      check(values.every(Number.isFinite), "The Gram holds NaN or infinite values");
      const factor = factorGram(values, K, options);
      if (factor === undefined) return undefined;
      return new ReferenceFactor(factor, { order, groupSize }, allocate);
    },

    async compensate(w, factor, grid, options = {}): Promise<CompensatedWeight> {
      const { rows: N, columns: K } = matrix(w, "Weight");
      const G = checkGrid(grid, K);
      check(
        factor instanceof ReferenceFactor,
        "Factor belongs to another backend than the reference",
      );
      check(factor.inputs === K, `Factor has ${factor.inputs} inputs instead of ${K}`);
      const { groups = "static", ranges } = options;
      check(groups === "static" || groups === "dynamic", `Groups cannot be ${groups}`);
      const dynamic = groups === "dynamic";
      if (dynamic && G > 1) {
        const { order, groupSize } = factor.options;
        check(256 % grid.groupSize === 0, `Dynamic groups of ${grid.groupSize} do not divide 256`);
        check(
          order === "natural" || (order === "groups" && groupSize === grid.groupSize),
          "The factor's order takes groups apart",
        );
      }
      if (ranges !== undefined) {
        shaped(ranges.codes, "Codes of the ranges", [N, K]);
        shaped(ranges.scales, "Scales of the ranges", [N, G]);
      }
      const values = toF32(floats(w, "Weight").bytes(), w.dtype);
      check(values.every(Number.isFinite), "The weight holds NaN or infinite values");
      const given = ranges === undefined ? undefined : plain(ranges);
      const factored = factor.plain; // refuses one that is gone, before anything is made
      const codes = allocate("U8", [N, K]);
      const scales = allocate("F32", [N, G]);
      const zeros = allocate("U8", [N, G]);
      const loss = compensate(values, N, factored, grid, { dynamic, ranges: given }, {
        codes: codes.writableBytes(),
        scales: scales.writableF32(),
        zeros: zeros.writableBytes(),
      });
      return { weight: owned({ grid: { ...grid }, codes, scales, zeros }), loss };
    },
  };
}
