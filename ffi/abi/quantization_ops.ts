/**
 * Operations on quantized weights.
 *
 * @module
 */

import type {
  AffineGrid,
  ClipResult,
  Ops,
  QuantizedWeight,
  RangedWeight,
} from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { Checks } from "./checks.ts";
import { NativeTensor } from "./native_tensor.ts";
import type { NativeSession } from "./session.ts";

/** The operations of this file. */
export type QuantizationOps = Pick<
  Ops,
  | "quantize"
  | "dequantize"
  | "fakeQuantize"
  | "scaleLosses"
  | "quantizationLoss"
  | "outputEnergy"
  | "relativeMagnitude"
  | "clipSearch"
  | "searchRanges"
  | "refineScales"
>;

/** Rounding one weight to a grid, in multiply-adds. */
const ROUNDING = 4;

/** The tensors of a quantized weight, checked against each other and its grid. */
export function checkedQuantized(checks: Checks, weight: QuantizedWeight): {
  codes: NativeTensor;
  scales: NativeTensor;
  zeros: NativeTensor;
  grid: Uint32Array<ArrayBuffer>;
  N: number;
  K: number;
} {
  const codes = checks.typed(weight.codes, "codes", "U8");
  const scales = checks.typed(weight.scales, "scales", "F32");
  const zeros = checks.typed(weight.zeros, "zeros", "U8");
  const { rows: N, columns: K } = checks.matrix(codes, "codes");
  const grid = checks.grid(weight.grid, K);
  checks.shape(scales, "scales", [N, K / weight.grid.groupSize]);
  checks.shape(zeros, "zeros", [N, K / weight.grid.groupSize]);
  return { codes, scales, zeros, grid, N, K };
}

/** The quantized weight [N, K] of three new handles: codes, scales, zeros. */
export function newQuantized(
  session: NativeSession,
  grid: AffineGrid,
  shape: readonly number[],
  handles: Uint32Array,
): QuantizedWeight {
  const groups = [shape[0] ?? 0, (shape[1] ?? 0) / grid.groupSize];
  const codes = new NativeTensor(session, handles[0] ?? 0, "U8", shape);
  const scales = new NativeTensor(session, handles[1] ?? 0, "F32", groups);
  const zeros = new NativeTensor(session, handles[2] ?? 0, "U8", groups);
  return {
    grid: { ...grid },
    codes,
    scales,
    zeros,
    [Symbol.dispose]: () => {
      for (const tensor of [codes, scales, zeros]) tensor[Symbol.dispose]();
    },
  };
}

/** Makes them on a session's library. */
export function quantizationOps(session: NativeSession): QuantizationOps {
  return {
    async quantize(w, grid, options = {}): Promise<QuantizedWeight> {
      const checks: Checks = new Checks(session, "quantize");
      const weight = checks.floats(w, "w");
      const { rows: N, columns: K } = checks.matrix(weight, "w");
      const numbers = checks.grid(grid, K);
      const groups = [N, K / grid.groupSize];
      const uses = [weight.owned];
      let bounds = 0;
      if (options.bounds !== undefined) {
        const given = checks.typed(options.bounds, "bounds", "F32");
        checks.shape(given, "bounds", groups);
        uses.push(given.owned);
        bounds = given.owned.value;
      }
      const out = new Uint32Array(3);
      await session.call(
        "salient_quantize",
        { operation: "quantize", work: weight.size * ROUNDING, uses, out },
        [weight.owned.value, numbers, bounds, out],
      );
      return newQuantized(session, grid, weight.shape, out);
    },

    async dequantize(weight): Promise<Tensor> {
      const checks: Checks = new Checks(session, "dequantize");
      const { codes, scales, zeros, grid } = checkedQuantized(checks, weight);
      const uses = [codes.owned, scales.owned, zeros.owned];
      const out = new Uint32Array(1);
      await session.call(
        "salient_dequantize",
        { operation: "dequantize", work: codes.size * 2, uses, out },
        [codes.owned.value, scales.owned.value, zeros.owned.value, grid, out],
      );
      return new NativeTensor(session, out[0] ?? 0, "F32", codes.shape);
    },

    async fakeQuantize(w, grid, s): Promise<Tensor> {
      const checks: Checks = new Checks(session, "fakeQuantize");
      const weight = checks.floats(w, "w");
      const { columns: K } = checks.matrix(weight, "w");
      const numbers = checks.grid(grid, K);
      if (s !== undefined) checks.length(s, "s", K);
      const factors = s === undefined ? null : Float32Array.from(s);
      const out = new Uint32Array(1);
      await session.call(
        "salient_fake_quantize",
        { operation: "fakeQuantize", work: weight.size * ROUNDING, uses: [weight.owned], out },
        [weight.owned.value, numbers, factors, factors?.length ?? 0, out],
      );
      return new NativeTensor(session, out[0] ?? 0, "F32", weight.shape);
    },

    async scaleLosses(w, moment, grid, candidates): Promise<Float64Array> {
      const checks: Checks = new Checks(session, "scaleLosses");
      const weight = checks.floats(w, "w");
      const { columns: K } = checks.matrix(weight, "w");
      const numbers = checks.grid(grid, K);
      const inputs = checks.moment(moment, K);
      const tried = checks.typed(candidates, "candidates", "F32");
      const { rows: C } = checks.matrix(tried, "candidates", K);
      const losses = new Float64Array(C);
      const uses = [weight.owned, inputs.tensor.owned, tried.owned];
      const work = C * weight.size * ((inputs.tensor.shape[0] ?? 0) + ROUNDING);
      await session.call("salient_scale_losses", { operation: "scaleLosses", work, uses }, [
        weight.owned.value,
        inputs.tensor.owned.value,
        inputs.kind,
        Float64Array.of(inputs.weight),
        numbers,
        tried.owned.value,
        losses,
        C,
      ]);
      return losses;
    },

    async quantizationLoss(w, moment, quantized): Promise<number> {
      const checks: Checks = new Checks(session, "quantizationLoss");
      const weight = checks.floats(w, "w");
      const { codes, scales, zeros, grid, N, K } = checkedQuantized(checks, quantized);
      checks.shape(weight, "w", [N, K]);
      const inputs = checks.moment(moment, K);
      const tensors = [weight, inputs.tensor, codes, scales, zeros];
      const uses = tensors.map((tensor) => tensor.owned);
      const work = weight.size * ((inputs.tensor.shape[0] ?? 0) + ROUNDING);
      const losses = new Float64Array(1);
      await session.call(
        "salient_quantization_loss",
        { operation: "quantizationLoss", work, uses },
        [
          weight.owned.value,
          inputs.tensor.owned.value,
          inputs.kind,
          Float64Array.of(inputs.weight),
          grid,
          codes.owned.value,
          scales.owned.value,
          zeros.owned.value,
          losses,
        ],
      );
      return losses[0] ?? NaN;
    },

    async outputEnergy(w, moment): Promise<number> {
      const checks: Checks = new Checks(session, "outputEnergy");
      const weight = checks.floats(w, "w");
      const { columns: K } = checks.matrix(weight, "w");
      const inputs = checks.moment(moment, K);
      const uses = [weight.owned, inputs.tensor.owned];
      const work = weight.size * (inputs.tensor.shape[0] ?? 0);
      const losses = new Float64Array(1);
      await session.call("salient_output_energy", { operation: "outputEnergy", work, uses }, [
        weight.owned.value,
        inputs.tensor.owned.value,
        inputs.kind,
        Float64Array.of(inputs.weight),
        losses,
      ]);
      return losses[0] ?? NaN;
    },

    async relativeMagnitude(w, groupSize): Promise<Float32Array> {
      const checks: Checks = new Checks(session, "relativeMagnitude");
      const weight = checks.floats(w, "w");
      const { columns: K } = checks.matrix(weight, "w");
      checks.group(groupSize, K);
      const means = new Float32Array(K);
      await session.call(
        "salient_relative_magnitude",
        { operation: "relativeMagnitude", work: weight.size * ROUNDING, uses: [weight.owned] },
        [weight.owned.value, groupSize, means, K],
      );
      return means;
    },

    async clipSearch(w, moment, grid, { steps, maxShrink }): Promise<ClipResult> {
      const checks: Checks = new Checks(session, "clipSearch");
      const weight = checks.floats(w, "w");
      const { rows: N, columns: K } = checks.matrix(weight, "w");
      const numbers = checks.grid(grid, K);
      const inputs = checks.moment(moment, K);
      checks.whole(steps, "steps", 1, 100_000);
      checks.that(maxShrink >= 0 && maxShrink <= 1, `maxShrink must be 0 to 1, not ${maxShrink}`);
      const perWeight = inputs.kind === 0 ? grid.groupSize : inputs.tensor.shape[0] ?? 0;
      const work = weight.size * steps * (perWeight + ROUNDING);
      const uses = [weight.owned, inputs.tensor.owned];
      const out = new Uint32Array(1);
      const clipped = new Float64Array(1);
      await session.call("salient_clip_search", { operation: "clipSearch", work, uses, out }, [
        weight.owned.value,
        inputs.tensor.owned.value,
        inputs.kind,
        Float64Array.of(inputs.weight, maxShrink),
        numbers,
        steps,
        out,
        clipped,
      ]);
      const bounds = new NativeTensor(session, out[0] ?? 0, "F32", [N, K / grid.groupSize]);
      return {
        bounds,
        clipped: clipped[0] ?? 0,
        [Symbol.dispose]: () => bounds[Symbol.dispose](),
      };
    },

    async searchRanges(w, moment, grid, { steps, maxShrink, sweeps }): Promise<RangedWeight> {
      const checks: Checks = new Checks(session, "searchRanges");
      const weight = checks.floats(w, "w");
      const { columns: K } = checks.matrix(weight, "w");
      const numbers = checks.grid(grid, K);
      const inputs = checks.moment(moment, K);
      checks.whole(steps, "steps", 1, 100_000);
      checks.whole(sweeps, "sweeps", 1, 1000);
      checks.that(maxShrink >= 0 && maxShrink <= 1, `maxShrink must be 0 to 1, not ${maxShrink}`);
      const rows = inputs.tensor.shape[0] ?? 0;
      const work = weight.size * sweeps * (2 * rows + 3 * steps * (grid.groupSize + ROUNDING));
      const uses = [weight.owned, inputs.tensor.owned];
      const out = new Uint32Array(3);
      const clipped = new Float64Array(1);
      await session.call("salient_search_ranges", { operation: "searchRanges", work, uses, out }, [
        weight.owned.value,
        inputs.tensor.owned.value,
        inputs.kind,
        Float64Array.of(inputs.weight, maxShrink),
        numbers,
        steps,
        sweeps,
        out,
        clipped,
      ]);
      return {
        weight: newQuantized(session, grid, weight.shape, out),
        clipped: clipped[0] ?? 0,
      };
    },

    async refineScales(
      weights: readonly Tensor[],
      gram: Tensor,
      grid: AffineGrid,
      s: Float32Array,
      { factors, channelOf }: { factors: Float32Array; channelOf: Uint32Array },
    ): Promise<{ s: Float32Array; loss: number; initialLoss: number }> {
      const checks: Checks = new Checks(session, "refineScales");
      const K = s.length;
      const numbers = checks.grid(grid, K);
      const sums = checks.typed(gram, "gram", "F32");
      checks.shape(sums, "gram", [K, K]);
      checks.length(channelOf, "channelOf", K);
      checks.that(
        weights.length > 0 && factors.length > 0,
        "weights and factors must not be empty",
      );
      const mine = weights.map((weight) => checks.floats(weight, "weight"));
      for (const weight of mine) checks.matrix(weight, "weight", K);
      const size = mine.reduce((total, weight) => total + weight.size, 0);
      const refined = Float32Array.from(s);
      const losses = new Float64Array(2);
      const uses = [...mine, sums].map((tensor) => tensor.owned);
      const work = size * K * factors.length;
      await session.call("salient_refine_scales", { operation: "refineScales", work, uses }, [
        Uint32Array.from(mine, (weight) => weight.owned.value),
        mine.length,
        sums.owned.value,
        numbers,
        Float32Array.from(factors),
        factors.length,
        Uint32Array.from(channelOf),
        refined,
        K,
        losses,
      ]);
      return { s: refined, initialLoss: losses[0] ?? NaN, loss: losses[1] ?? NaN };
    },
  };
}
