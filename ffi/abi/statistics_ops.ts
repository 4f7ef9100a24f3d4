/**
 * Operations that gather statistics and apply scales.
 *
 * @module
 */

import type { Ops, TensorSummary } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { Checks } from "./checks.ts";
import { NativeTensor } from "./native_tensor.ts";
import type { NativeSession } from "./session.ts";

/** The operations of this file. */
export type StatisticsOps = Pick<
  Ops,
  "accumulateAbs" | "accumulateGram" | "scaleColumns" | "scaleRows" | "scaleGram" | "summarize"
>;

/** Makes them on a session's library. */
export function statisticsOps(session: NativeSession): StatisticsOps {
  return {
    async accumulateAbs(x, sum, max): Promise<void> {
      const checks: Checks = new Checks(session, "accumulateAbs");
      const input = checks.typed(x, "x", "F32");
      const { columns: K } = checks.matrix(input, "x");
      const sums = checks.typed(sum, "sum", "F64");
      const maxima = checks.typed(max, "max", "F32");
      checks.shape(sums, "sum", [K]);
      checks.shape(maxima, "max", [K]);
      const uses = [input.owned, sums.owned, maxima.owned];
      const options = { operation: "accumulateAbs", work: input.size * 2, uses };
      await session.call("salient_accumulate_abs", options, [
        input.owned.value,
        sums.owned.value,
        maxima.owned.value,
      ]);
    },

    async accumulateGram(x, gram): Promise<void> {
      const checks: Checks = new Checks(session, "accumulateGram");
      const input = checks.typed(x, "x", "F32");
      const { columns: K } = checks.matrix(input, "x");
      const sums = checks.typed(gram, "gram", "F32");
      checks.shape(sums, "gram", [K, K]);
      const uses = [input.owned, sums.owned];
      const options = { operation: "accumulateGram", work: input.size * K / 2, uses };
      await session.call("salient_accumulate_gram", options, [
        input.owned.value,
        sums.owned.value,
      ]);
    },

    async scaleColumns(w, factors): Promise<Tensor> {
      const checks: Checks = new Checks(session, "scaleColumns");
      const weight = checks.floats(w, "w");
      checks.that(
        weight.shape.length === 2 && weight.shape[1] === factors.length,
        `${factors.length} factors do not fit the columns of [${weight.shape.join(", ")}]`,
      );
      const out = new Uint32Array(1);
      const options = {
        operation: "scaleColumns",
        work: weight.size * 2,
        uses: [weight.owned],
        out,
      };
      await session.call("salient_scale_columns", options, [
        weight.owned.value,
        Float32Array.from(factors),
        factors.length,
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", weight.shape);
    },

    async scaleRows(w, factors): Promise<Tensor> {
      const checks: Checks = new Checks(session, "scaleRows");
      const weight = checks.floats(w, "w");
      checks.that(
        (weight.shape.length === 1 || weight.shape.length === 2) &&
          weight.shape[0] === factors.length,
        `${factors.length} factors do not fit the rows of [${weight.shape.join(", ")}]`,
      );
      const out = new Uint32Array(1);
      const options = { operation: "scaleRows", work: weight.size * 2, uses: [weight.owned], out };
      await session.call("salient_scale_rows", options, [
        weight.owned.value,
        Float32Array.from(factors),
        factors.length,
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", weight.shape);
    },

    async scaleGram(gram, factors): Promise<void> {
      const checks: Checks = new Checks(session, "scaleGram");
      const { owned, size } = checks.typed(gram, "gram", "F32");
      checks.shape(gram, "gram", [factors.length, factors.length]);
      const options = { operation: "scaleGram", work: size * 2, uses: [owned] };
      await session.call("salient_scale_gram", options, [
        owned.value,
        Float32Array.from(factors),
        factors.length,
      ]);
    },

    async summarize(tensor): Promise<TensorSummary> {
      const checks: Checks = new Checks(session, "summarize");
      const { owned, size } = checks.floats(tensor, "tensor");
      const reals = new Float64Array(3);
      const options = { operation: "summarize", work: size * 2, uses: [owned] };
      await session.call("salient_summarize", options, [owned.value, reals]);
      const [nonFinite = 0, absMax = 0, zeroColumns = 0] = reals;
      return { nonFinite, absMax, zeroColumns };
    },
  };
}
