/**
 * Operations of a forward pass.
 *
 * @module
 */

import { activationFault, type Ops, type Weight } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { activationNumber } from "./activation_number.ts";
import { Checks } from "./checks.ts";
import { NativePackedWeight } from "./native_packed_weight.ts";
import { NativeTensor } from "./native_tensor.ts";
import type { NativeSession } from "./session.ts";

/** The operations of this file. */
export type LayerOps = Pick<
  Ops,
  | "linear"
  | "embed"
  | "rmsNorm"
  | "rope"
  | "attention"
  | "gatedActivation"
  | "addInPlace"
  | "negativeLogLikelihood"
>;

/** The weight of a linear as a living one of this backend. */
function weightOf(
  session: NativeSession,
  checks: Checks,
  weight: Weight,
): NativeTensor | NativePackedWeight {
  if (!("packed" in weight)) return checks.floats(weight, "weight");
  checks.that(
    weight instanceof NativePackedWeight && weight.session === session,
    "weight belongs to another backend",
  );
  checks.that(weight.owned.living, "weight was used after it was disposed");
  return weight;
}

/** Makes them on a session's library. */
export function layerOps(session: NativeSession): LayerOps {
  return {
    async linear(x, weight, options = {}): Promise<Tensor> {
      const checks: Checks = new Checks(session, "linear");
      const input = checks.typed(x, "x", "F32");
      const w = weightOf(session, checks, weight);
      const [N, K] = w.shape;
      checks.that(
        w.shape.length === 2 && N !== undefined && K !== undefined,
        `weight must have the shape [outputs, inputs] but has [${w.shape.join(", ")}]`,
      );
      const { rows: T } = checks.matrix(input, "x", K);
      const uses = [input.owned, w.owned];
      let bias = 0;
      if (options.bias !== undefined) {
        const b = checks.typed(options.bias, "bias", "F32");
        checks.shape(b, "bias", [N]);
        uses.push(b.owned);
        bias = b.owned.value;
      }
      const out = new Uint32Array(1);
      const call = { operation: "linear", work: T * K * N, uses, out };
      const { activation } = options;
      if (activation !== undefined) {
        const fault = activationFault(activation);
        checks.that(fault === undefined, `activation ${fault}`);
        await session.call("salient_linear_rounded", call, [
          input.owned.value,
          w.owned.value,
          bias,
          activation.bits,
          Float64Array.of(activation.scale ?? 0),
          out,
        ]);
        return new NativeTensor(session, out[0] ?? 0, "F32", [T, N]);
      }
      await session.call("salient_linear", call, [
        input.owned.value,
        w.owned.value,
        bias,
        options.precision === "bf16" ? 1 : 0,
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", [T, N]);
    },

    async embed(table, ids): Promise<Tensor> {
      const checks: Checks = new Checks(session, "embed");
      const mine = checks.floats(table, "table");
      const { rows, columns } = checks.matrix(mine, "table");
      const outside = ids.find((id) => id < 0 || id >= rows);
      checks.that(outside === undefined, `id ${outside} is outside the table's ${rows} rows`);
      const work = ids.length * columns * 2;
      const out = new Uint32Array(1);
      // A copy: what the library has checked must not change while it is used.
      const copy = Int32Array.from(ids);
      await session.call("salient_embed", { operation: "embed", work, uses: [mine.owned], out }, [
        mine.owned.value,
        copy,
        copy.length,
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", [ids.length, columns]);
    },

    async rmsNorm(x, weight, eps, offset): Promise<Tensor> {
      const checks: Checks = new Checks(session, "rmsNorm");
      const input = checks.typed(x, "x", "F32");
      const w = checks.floats(weight, "weight");
      checks.that(
        w.shape.length === 1 && w.size > 0 && input.shape.at(-1) === w.size,
        `weight ${w.label} does not fit the last axis of x, ${input.label}`,
      );
      checks.that(
        Number.isFinite(eps) && eps >= 0 && Number.isFinite(offset),
        `eps ${eps} and offset ${offset} must be finite, and eps not negative`,
      );
      const uses = [input.owned, w.owned];
      const out = new Uint32Array(1);
      await session.call("salient_rms_norm", {
        operation: "rmsNorm",
        work: input.size * 2,
        uses,
        out,
      }, [
        input.owned.value,
        w.owned.value,
        Float64Array.of(eps, offset),
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", input.shape);
    },

    async rope(x, table, { heads, headDim, sequences, start, interleaved }): Promise<void> {
      const checks: Checks = new Checks(session, "rope");
      const input = checks.typed(x, "x", "F32");
      const angles = checks.typed(table, "table", "F32");
      checks.whole(heads, "heads", 1);
      checks.whole(headDim, "headDim", 1);
      checks.whole(sequences, "sequences", 1);
      checks.whole(start, "start", 0);
      const { rows: T } = checks.matrix(input, "x", heads * headDim);
      const { rows: positions, columns: R } = checks.matrix(angles, "table");
      checks.that(
        R % 2 === 0 && R <= headDim,
        `the table's ${R} columns must be even and at most ${headDim}`,
      );
      checks.that(T % sequences === 0, `${T} rows are not ${sequences} sequences of one length`);
      checks.that(
        start + T / sequences <= positions,
        `positions ${start} to ${start + T / sequences} are beyond the table's ${positions}`,
      );
      const uses = [input.owned, angles.owned];
      await session.call("salient_rope", { operation: "rope", work: input.size * 2, uses }, [
        input.owned.value,
        angles.owned.value,
        Uint32Array.of(heads, headDim, sequences, start, interleaved === true ? 1 : 0),
      ]);
    },

    async attention(q, k, v, shape): Promise<Tensor> {
      const checks: Checks = new Checks(session, "attention");
      const { heads, kvHeads, headDim, sequences, window, queryStart, scale } = shape;
      const queries = checks.typed(q, "q", "F32");
      const keys = checks.typed(k, "k", "F32");
      const values = checks.typed(v, "v", "F32");
      checks.whole(heads, "heads", 1);
      checks.whole(kvHeads, "kvHeads", 1);
      checks.whole(headDim, "headDim", 1);
      checks.whole(sequences, "sequences", 1);
      checks.whole(window, "window", 0);
      checks.whole(queryStart, "queryStart", 0);
      checks.that(heads % kvHeads === 0, `kvHeads ${kvHeads} does not divide heads ${heads}`);
      checks.that(Number.isFinite(scale), `scale ${scale} is not finite`);
      const softcap = shape.softcap ?? 0;
      checks.that(
        Number.isFinite(softcap) && softcap >= 0,
        `softcap ${softcap} must be above 0, or 0`,
      );
      // A copy: what the library has checked must not change while it is used.
      const slopes = Float32Array.from(shape.slopes ?? []);
      if (shape.slopes !== undefined) checks.length(slopes, "slopes", heads);
      const { rows: queryRows } = checks.matrix(queries, "q", heads * headDim);
      const { rows: keyRows } = checks.matrix(keys, "k", kvHeads * headDim);
      checks.shape(values, "v", keys.shape);
      checks.that(
        queryRows % sequences === 0 && keyRows % sequences === 0,
        `${queryRows} queries and ${keyRows} keys are not ${sequences} sequences of one length`,
      );
      const Tq = queryRows / sequences;
      const Tk = shape.keyLength ?? keyRows / sequences;
      if (shape.keyLength !== undefined) {
        checks.that(sequences === 1, "keyLength is for one sequence");
        checks.whole(Tk, "keyLength", 1, keyRows);
      }
      checks.that(
        queryStart + Tq <= Tk,
        `queries ${queryStart} to ${queryStart + Tq} have no keys: there are ${Tk}`,
      );
      const uses = [queries.owned, keys.owned, values.owned];
      const seen = window === 0 ? Tk : Math.min(Tk, window);
      const work = queries.size * (seen + 1);
      const out = new Uint32Array(1);
      await session.call("salient_attention", { operation: "attention", work, uses, out }, [
        queries.owned.value,
        keys.owned.value,
        values.owned.value,
        Uint32Array.of(
          heads,
          kvHeads,
          headDim,
          sequences,
          window,
          queryStart,
          shape.keyLength ?? 0,
        ),
        Float64Array.of(scale, softcap),
        slopes,
        slopes.length,
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", queries.shape);
    },

    async gatedActivation(gate, up, activation): Promise<Tensor> {
      const checks: Checks = new Checks(session, "gatedActivation");
      const g = checks.typed(gate, "gate", "F32");
      const u = checks.typed(up, "up", "F32");
      checks.shape(u, "up", g.shape);
      const number = activationNumber(activation);
      checks.that(number >= 0, `there is no activation ${activation}`);
      const uses = [g.owned, u.owned];
      const work = g.size * (activation === "gelu" ? 30 : 6);
      const out = new Uint32Array(1);
      const options = { operation: "gatedActivation", work, uses, out };
      await session.call("salient_gated_activation", options, [
        g.owned.value,
        u.owned.value,
        number,
        out,
      ]);
      return new NativeTensor(session, out[0] ?? 0, "F32", g.shape);
    },

    async addInPlace(x, y): Promise<void> {
      const checks: Checks = new Checks(session, "addInPlace");
      const a = checks.typed(x, "x", "F32");
      const b = checks.typed(y, "y", "F32");
      checks.shape(b, "y", a.shape);
      const options = { operation: "addInPlace", work: a.size, uses: [a.owned, b.owned] };
      await session.call("salient_add_in_place", options, [a.owned.value, b.owned.value]);
    },

    async negativeLogLikelihood(logits, targets): Promise<Float64Array> {
      const checks: Checks = new Checks(session, "negativeLogLikelihood");
      const mine = checks.typed(logits, "logits", "F32");
      const { rows: T, columns: V } = checks.matrix(mine, "logits");
      checks.length(targets, "targets", T);
      const outside = targets.find((target) => target < -1 || target >= V);
      checks.that(outside === undefined, `target ${outside} is outside the ${V} logits`);
      const losses = new Float64Array(T);
      // A copy: what the library has checked must not change while it is used.
      const copy = Int32Array.from(targets);
      const options = {
        operation: "negativeLogLikelihood",
        work: mine.size * 4,
        uses: [mine.owned],
      };
      await session.call("salient_negative_log_likelihood", options, [
        mine.owned.value,
        copy,
        T,
        losses,
      ]);
      return losses;
    },
  };
}
