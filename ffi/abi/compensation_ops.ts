/**
 * Operations of rounding with error compensation.
 *
 * @module
 */

import type { CompensatedWeight, GramFactor, Ops } from "../../core/backend.ts";
import { Checks } from "./checks.ts";
import { NativeGramFactor } from "./native_gram_factor.ts";
import { checkedQuantized, newQuantized } from "./quantization_ops.ts";
import type { NativeSession } from "./session.ts";

/** The operations of this file. */
export type CompensationOps = Pick<Ops, "factorGram" | "compensate">;

/** Orders in the order of their numbers in `salient.h`. */
const ORDERS = ["natural", "activation", "groups"] as const;

/** Makes them on a session's library. */
export function compensationOps(session: NativeSession): CompensationOps {
  return {
    async factorGram(gram, options): Promise<GramFactor | undefined> {
      const checks: Checks = new Checks(session, "factorGram");
      const { order, groupSize = 0, damping, tries } = options;
      const sums = checks.typed(gram, "gram", "F32");
      const { rows: K } = checks.matrix(sums, "gram");
      checks.shape(sums, "gram", [K, K]);
      checks.that(ORDERS.includes(order), `there is no order ${order}`);
      if (order === "groups") checks.group(groupSize, K);
      checks.that(Number.isFinite(damping) && damping >= 0, `damping cannot be ${damping}`);
      checks.whole(tries, "tries", 1, 100);
      const out = new Uint32Array(1);
      const reals = Float64Array.of(damping, 0);
      await session.call(
        "salient_factor_gram",
        { operation: "factorGram", work: K * K * K / 3, uses: [sums.owned], out },
        [
          sums.owned.value,
          Uint32Array.of(ORDERS.indexOf(order), groupSize, tries),
          reals,
          out,
        ],
      );
      const [handle = 0] = out;
      if (handle === 0) return undefined;
      const [needed = NaN, byteLength = 0] = reals;
      return new NativeGramFactor(session, handle, { inputs: K, damping: needed, byteLength });
    },

    async compensate(w, factor, grid, options = {}): Promise<CompensatedWeight> {
      const checks: Checks = new Checks(session, "compensate");
      const { groups = "static", ranges } = options;
      const weight = checks.floats(w, "w");
      const { rows: N, columns: K } = checks.matrix(weight, "w");
      const numbers = checks.grid(grid, K);
      checks.that(
        factor instanceof NativeGramFactor && factor.session === session,
        "the factor belongs to another backend",
      );
      checks.that(factor.owned.living, "the factor was used after it was disposed");
      checks.that(factor.inputs === K, `the factor has ${factor.inputs} inputs instead of ${K}`);
      checks.that(groups === "static" || groups === "dynamic", `groups cannot be ${groups}`);
      const uses = [weight.owned, factor.owned];
      let handles = [0, 0];
      if (ranges !== undefined) {
        const given = checkedQuantized(checks, ranges);
        checks.that(
          given.N === N && given.K === K && ranges.grid.groupSize === grid.groupSize,
          "ranges are those of another weight or grid",
        );
        handles = [given.scales.owned.value, given.zeros.owned.value];
        uses.push(given.scales.owned, given.zeros.owned);
      }
      const out = new Uint32Array(3);
      const losses = new Float64Array(1);
      await session.call(
        "salient_compensate",
        { operation: "compensate", work: weight.size * K / 2, uses, out },
        [
          weight.owned.value,
          factor.owned.value,
          numbers,
          groups === "dynamic" ? 1 : 0,
          handles[0] ?? 0,
          handles[1] ?? 0,
          out,
          losses,
        ],
      );
      return {
        weight: newQuantized(session, grid, weight.shape, out),
        loss: losses[0] ?? NaN,
      };
    },
  };
}
