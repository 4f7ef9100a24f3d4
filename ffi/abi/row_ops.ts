/**
 * Operations of a forward pass that go over rows: what families beside Llama's need.
 *
 * @module
 */

import { MAX_LOGITS, type Ops } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { activationNumber } from "./activation_number.ts";
import { Checks } from "./checks.ts";
import { NativeTensor } from "./native_tensor.ts";
import type { NativeSession } from "./session.ts";

/** The operations of this file. */
export type RowOps = Pick<
  Ops,
  "layerNorm" | "activate" | "softcap" | "selectColumns" | "addRows" | "chooseTokens"
>;

/** Makes them on a session's library. */
export function rowOps(session: NativeSession): RowOps {
  return {
    async layerNorm(x, weight, bias, eps): Promise<Tensor> {
      const checks: Checks = new Checks(session, "layerNorm");
      const input = checks.typed(x, "x", "F32");
      const width = input.shape.at(-1) ?? 0;
      checks.that(width > 0, `x has no channels: ${input.label}`);
      checks.that(Number.isFinite(eps) && eps >= 0, `eps ${eps} must be finite and not negative`);
      const uses = [input.owned];
      const handleOf = (tensor: Tensor | undefined, what: string): number => {
        if (tensor === undefined) return 0;
        const mine = checks.floats(tensor, what);
        checks.shape(mine, what, [width]);
        uses.push(mine.owned);
        return mine.owned.value;
      };
      const [w, b] = [handleOf(weight, "weight"), handleOf(bias, "bias")];
      const out = new Uint32Array(1);
      const call = { operation: "layerNorm", work: input.size * 3, uses, out };
      const reals = Float64Array.of(eps);
      await session.call("salient_layer_norm", call, [input.owned.value, w, b, reals, out]);
      return new NativeTensor(session, out[0] ?? 0, "F32", input.shape);
    },

    async activate(x, activation): Promise<void> {
      const checks: Checks = new Checks(session, "activate");
      const mine = checks.typed(x, "x", "F32");
      const number = activationNumber(activation);
      checks.that(number >= 0, `there is no activation ${activation}`);
      const work = mine.size * (activation === "gelu" ? 30 : 6);
      const call = { operation: "activate", work, uses: [mine.owned] };
      await session.call("salient_activate", call, [mine.owned.value, number]);
    },

    async softcap(x, cap): Promise<void> {
      const checks: Checks = new Checks(session, "softcap");
      const mine = checks.typed(x, "x", "F32");
      checks.that(Number.isFinite(cap) && cap > 0, `cap ${cap} must be finite and above 0`);
      const call = { operation: "softcap", work: mine.size * 6, uses: [mine.owned] };
      await session.call("salient_softcap", call, [mine.owned.value, Float64Array.of(cap)]);
    },

    async selectColumns(x, columns): Promise<Tensor> {
      const checks: Checks = new Checks(session, "selectColumns");
      const mine = checks.typed(x, "x", "F32");
      const { rows: T, columns: K } = checks.matrix(mine, "x");
      // A copy: what the library has checked must not change while it is used.
      const copy = Int32Array.from(columns);
      const outside = copy.find((column) => column < -1 || column >= K);
      checks.that(outside === undefined, `column ${outside} is outside the ${K} of x`);
      const out = new Uint32Array(1);
      const work = T * copy.length;
      const call = { operation: "selectColumns", work, uses: [mine.owned], out };
      await session.call("salient_select_columns", call, [
        mine.owned.value,
        copy,
        copy.length,
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", [T, copy.length]);
    },

    async chooseTokens(logits, { temperature, topK, topP = 1 }, random): Promise<Int32Array> {
      const checks: Checks = new Checks(session, "chooseTokens");
      const mine = checks.typed(logits, "logits", "F32");
      const { rows: T, columns: V } = checks.matrix(mine, "logits");
      checks.whole(V, "number of logits", 1, MAX_LOGITS);
      checks.length(random, "random", T);
      checks.that(
        Number.isFinite(temperature) && temperature >= 0 && topP > 0 && topP <= 1,
        `temperature ${temperature} must not be negative, topP ${topP} above 0 and at most 1`,
      );
      if (topK !== undefined) checks.whole(topK, "topK", 1);
      // A copy: what the library has checked must not change while it is used.
      const numbers = Float64Array.from(random);
      checks.that(
        numbers.every((number) => number >= 0 && number < 1),
        "random must be numbers from 0 to below 1",
      );
      const tokens = new Int32Array(T);
      const work = mine.size * (temperature === 0 ? 2 : 20);
      const call = { operation: "chooseTokens", work, uses: [mine.owned] };
      const reals = Float64Array.of(temperature, topP);
      const chosen = [mine.owned.value, topK ?? 0, reals, numbers, T, tokens] as const;
      await session.call("salient_choose_tokens", call, [...chosen]);
      return tokens;
    },

    async addRows(target, source, rows, weights): Promise<void> {
      const checks: Checks = new Checks(session, "addRows");
      const sum = checks.typed(target, "target", "F32");
      const values = checks.typed(source, "source", "F32");
      const { rows: M, columns: K } = checks.matrix(sum, "target");
      const { rows: n } = checks.matrix(values, "source", K);
      checks.length(rows, "rows", n);
      checks.length(weights, "weights", n);
      // Copies: what the library has checked must not change while it is used.
      const [places, factors] = [Int32Array.from(rows), Float32Array.from(weights)];
      const outside = places.find((row) => row < 0 || row >= M);
      checks.that(outside === undefined, `row ${outside} is outside the target's ${M}`);
      const uses = [sum.owned, values.owned];
      await session.call("salient_add_rows", { operation: "addRows", work: values.size, uses }, [
        sum.owned.value,
        values.owned.value,
        places,
        factors,
        n,
      ]);
    },
  };
}
