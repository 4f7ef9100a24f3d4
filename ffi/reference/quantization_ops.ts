// deno-lint-ignore-file require-await -- an error of an operation must become a rejection
/**
 * The operations of quantization: statistics, grids, searches and packing.
 *
 * @module
 */

import type {
  AffineGrid,
  ClipResult,
  InputMoment,
  Int4Layout,
  Ops,
  PackedWeight,
  QuantizedWeight,
  RangedWeight,
} from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Allocate } from "./allocate.ts";
import { check, floats, lengthIs, matrix, shaped, typed, within } from "./checks.ts";
import { clipSearch } from "./clip_search.ts";
import { toF32 } from "./conversion.ts";
import { type PlainMoment, scaleLosses, squaredOutput, subtractFrom } from "./losses.ts";
import { packInt4, unpackInt4 } from "./pack_int4.ts";
import { ReferencePacked } from "./packed_weight.ts";
import { dequantize, fakeQuantize, type PlainQuantized, quantize } from "./quantize.ts";
import { searchRanges } from "./range_search.ts";
import { refineScales } from "./refine_scales.ts";
import { scaleGradient } from "./scale_gradient.ts";

/** The operations of this file. */
export type QuantizationOps = Pick<
  Ops,
  | "quantize"
  | "dequantize"
  | "fakeQuantize"
  | "scaleLosses"
  | "scaleGradient"
  | "quantizationLoss"
  | "outputEnergy"
  | "clipSearch"
  | "searchRanges"
  | "refineScales"
  | "packInt4"
  | "unpackInt4"
  | "pack"
>;

/** Makes them, with `allocate` giving the new tensors. */
export function quantizationOps(allocate: Allocate): QuantizationOps {
  return {
    async quantize(w, grid, options = {}): Promise<QuantizedWeight> {
      const { values, N, K } = weightOf(w);
      const G = checkGrid(grid, K);
      if (options.bounds !== undefined) shaped(options.bounds, "Bounds", [N, G]);
      const bounds = options.bounds === undefined ? undefined : f32(options.bounds, "Bounds");
      const codes = allocate("U8", [N, K]);
      const scales = allocate("F32", [N, G]);
      const zeros = allocate("U8", [N, G]);
      quantize(values, grid, bounds, {
        codes: codes.writableBytes(),
        scales: scales.writableF32(),
        zeros: zeros.writableBytes(),
      });
      return owned({ grid: { ...grid }, codes, scales, zeros });
    },

    async dequantize(weight): Promise<Tensor> {
      const result = allocate("F32", weight.codes.shape);
      dequantize(plain(weight), weight.grid.groupSize, result.writableF32());
      return result;
    },

    async fakeQuantize(w, grid, s): Promise<Tensor> {
      const { values, N, K } = weightOf(w);
      checkGrid(grid, K);
      if (s !== undefined) lengthIs(s, "Scales", K);
      const result = allocate("F32", [N, K]);
      fakeQuantize(values, K, grid, s, result.writableF32());
      return result;
    },

    async scaleLosses(w, moment, grid, candidates): Promise<Float64Array> {
      const { values, K } = weightOf(w);
      checkGrid(grid, K);
      shaped(candidates, "Candidates", [candidates.shape[0] ?? 0, K]);
      return scaleLosses(values, K, momentOf(moment, K), grid, f32(candidates, "Candidates"));
    },

    async scaleGradient(w, moment, grid, s) {
      const { values, K } = weightOf(w);
      checkGrid(grid, K);
      lengthIs(s, "Scales", K);
      check(s.every((scale) => scale > 0 && scale < Infinity), "Scales must be above 0 and finite");
      return scaleGradient(values, momentOf(moment, K), grid, s);
    },

    async quantizationLoss(w, moment, weight): Promise<number> {
      const { values, N, K } = weightOf(w);
      shaped(weight.codes, "Codes", [N, K]);
      const difference = new Float32Array(values.length);
      dequantize(plain(weight), weight.grid.groupSize, difference);
      subtractFrom(values, difference);
      return squaredOutput(difference, K, momentOf(moment, K));
    },

    async outputEnergy(w, moment): Promise<number> {
      const { values, K } = weightOf(w);
      return squaredOutput(values, K, momentOf(moment, K));
    },

    async clipSearch(w, moment, grid, options): Promise<ClipResult> {
      const { values, N, K } = weightOf(w);
      const G = checkGrid(grid, K);
      checkShrinking(options);
      const bounds = allocate("F32", [N, G]);
      const size = { N, K };
      const found = bounds.writableF32();
      const clipped = clipSearch(values, size, momentOf(moment, K), grid, options, found);
      return { bounds, clipped, [Symbol.dispose]: () => bounds[Symbol.dispose]() };
    },

    async searchRanges(w, moment, grid, options): Promise<RangedWeight> {
      const { values, N, K } = weightOf(w);
      const G = checkGrid(grid, K);
      checkShrinking(options);
      within(options.sweeps, "Sweeps of the range search", 1, 1000);
      const inputs = momentOf(moment, K);
      const codes = allocate("U8", [N, K]);
      const scales = allocate("F32", [N, G]);
      const zeros = allocate("U8", [N, G]);
      const clipped = searchRanges(values, { N, K }, inputs, grid, options, {
        codes: codes.writableBytes(),
        scales: scales.writableF32(),
        zeros: zeros.writableBytes(),
      });
      return { weight: owned({ grid: { ...grid }, codes, scales, zeros }), clipped };
    },

    async refineScales(
      weights,
      gram,
      grid,
      s,
      options,
    ): Promise<{ s: Float32Array; loss: number; initialLoss: number }> {
      const K = s.length;
      checkGrid(grid, K);
      shaped(gram, "Gram", [K, K]);
      lengthIs(options.channelOf, "Channels", K);
      const parts = weights.map((w) => weightOf(w));
      for (const part of parts) check(part.K === K, `Weight has ${part.K} inputs instead of ${K}`);
      const rows = new Float32Array(parts.reduce((size, { values }) => size + values.length, 0));
      let filled = 0;
      for (const { values } of parts) {
        rows.set(values, filled);
        filled += values.length;
      }
      return refineScales(rows, f32(gram, "Gram"), grid, s, options);
    },

    async packInt4(codes, layout): Promise<Tensor> {
      checkLayout(layout);
      const bytes = typed(codes, "Codes", ["U8"]).bytes();
      const { rows: N, columns: K } = matrix(codes, "Codes");
      const packed = layout.along === "out" ? N : K;
      check(packed % 8 === 0, `Cannot pack ${packed} channels eight to a word`);
      check(bytes.every((code) => code < 16), "Codes to pack must lie from 0 to 15");
      const words = allocate("I32", layout.along === "out" ? [K, N / 8] : [N, K / 8]);
      packInt4(bytes, unsigned(words.writableBytes()), N, K, layout);
      return words;
    },

    async unpackInt4(words, layout): Promise<Tensor> {
      checkLayout(layout);
      const bytes = typed(words, "Words", ["I32"]).bytes();
      const { rows, columns } = matrix(words, "Words");
      const [N, K] = layout.along === "out" ? [columns * 8, rows] : [rows, columns * 8];
      const codes = allocate("U8", [N, K]);
      unpackInt4(unsigned(bytes), codes.writableBytes(), N, K, layout);
      return codes;
    },

    async pack(weight): Promise<PackedWeight> {
      const { rows: N, columns: K } = matrix(weight.codes, "Codes");
      return new ReferencePacked(plain(weight), weight.grid, { N, K }, allocate);
    },
  };
}

function f32(tensor: Tensor, what: string): Float32Array<ArrayBuffer> {
  return toF32(typed(tensor, what, ["F32"]).bytes(), "F32");
}

function unsigned(bytes: Uint8Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function weightOf(w: Tensor): { values: Float32Array<ArrayBuffer>; N: number; K: number } {
  const { rows: N, columns: K } = matrix(w, "Weight");
  return { values: toF32(floats(w, "Weight").bytes(), w.dtype), N, K };
}

function momentOf(moment: InputMoment, K: number): PlainMoment {
  if (moment.kind === "gram") {
    shaped(moment.gram, "Gram", [K, K]);
    return { tokens: false, data: f32(moment.gram, "Gram"), rows: K, weight: 1 };
  }
  const rows = moment.sample.shape[0] ?? 0;
  shaped(moment.sample, "Sample", [rows, K]);
  return { tokens: true, data: f32(moment.sample, "Sample"), rows, weight: moment.weight };
}

/** Checks the grid and gives the number of groups of a row. */
export function checkGrid(grid: AffineGrid, K: number): number {
  within(grid.bits, "Bits", 2, 8);
  within(grid.groupSize, "Group size", 1, Number.MAX_SAFE_INTEGER);
  check(K % grid.groupSize === 0, `Group size ${grid.groupSize} does not divide ${K} inputs`);
  return K / grid.groupSize;
}

function checkShrinking({ steps, maxShrink }: { steps: number; maxShrink: number }): void {
  within(steps, "Steps of the clip search", 1, 1000);
  check(
    maxShrink >= 0 && maxShrink <= 1,
    `Largest shrinking must lie from 0 to 1 but is ${maxShrink}`,
  );
}

function checkLayout({ order }: Int4Layout): void {
  const sorted = order.toSorted((a, b) => a - b);
  check(
    sorted.length === 8 && sorted.every((neighbour, i) => neighbour === i),
    `Order [${order}] must hold each of 0 to 7 once`,
  );
}

/** The arrays of a quantized weight, whose shapes must agree. */
export function plain({ grid, codes, scales, zeros }: QuantizedWeight): PlainQuantized {
  const { rows: N, columns: K } = matrix(codes, "Codes");
  const groups = checkGrid(grid, K);
  shaped(scales, "Scales", [N, groups]);
  shaped(zeros, "Zero points", [N, groups]);
  return {
    codes: typed(codes, "Codes", ["U8"]).bytes(),
    scales: f32(scales, "Scales"),
    zeros: typed(zeros, "Zero points", ["U8"]).bytes(),
  };
}

/** A quantized weight that disposes its tensors. */
export function owned(weight: Omit<QuantizedWeight, typeof Symbol.dispose>): QuantizedWeight {
  return {
    ...weight,
    [Symbol.dispose](): void {
      for (const tensor of [weight.codes, weight.scales, weight.zeros]) tensor[Symbol.dispose]();
    },
  };
}
