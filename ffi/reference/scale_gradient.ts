/**
 * The error of rounded scales and its gradient.
 *
 * @module
 */

import { type AffineGrid, maxCode } from "../../core/backend.ts";
import { GroupRounder } from "./group_rounder.ts";
import type { PlainMoment } from "./losses.ts";
import { rowProducts } from "./row_products.ts";

const MIN_RANGE = Math.fround(1e-5);

/**
 * The squared output L of D = w - Q(w * s) / s over all rows of w [N, K], and dL / d log s [K] by
 * the straight-through estimate: rounding (of weights, zero points and scales to their type) has the
 * derivative 1, clamping 1 inside and 0 outside, and a group's scale and zero point follow its lowest and
 * highest weight (the first of equal ones).
 */
export function scaleGradient(
  w: Float32Array,
  moment: PlainMoment,
  grid: AffineGrid,
  s: Float32Array,
): { loss: number; gradient: Float64Array } {
  const K = s.length;
  const gradient = new Float64Array(K);
  const scaled = new Float32Array(grid.groupSize);
  const rounder = new GroupRounder(grid);
  const difference = new Float64Array(K);
  let loss = 0;
  for (let row = 0; row < w.length; row += K) {
    for (let first = 0; first < K; first += grid.groupSize) {
      fitGroup(w, s, row, first, scaled, rounder);
      scaled.forEach((v, i) => {
        const k = first + i;
        const rounded = Math.fround(rounder.value(rounder.code(v)) / s[k]!);
        difference[k] = Math.fround(w[row + k]! - rounded);
      });
    }
    const products = differenceProducts(difference, moment);
    for (let k = 0; k < K; k++) loss += products[k]! * difference[k]!;
    for (let first = 0; first < K; first += grid.groupSize) {
      fitGroup(w, s, row, first, scaled, rounder);
      addGroup(scaled, s, first, products, grid, rounder, gradient);
    }
  }
  return { loss, gradient };
}

function fitGroup(
  w: Float32Array,
  s: Float32Array,
  row: number,
  first: number,
  scaled: Float32Array,
  rounder: GroupRounder,
): void {
  for (let i = 0; i < scaled.length; i++) scaled[i] = w[row + first + i]! * s[first + i]!;
  rounder.fit(scaled, 0, scaled.length);
}

/** d G: half the derivative of the squared output by d. */
function differenceProducts(d: Float64Array, moment: PlainMoment): Float64Array {
  const K = d.length;
  const outputs = new Float64Array(moment.rows);
  rowProducts(moment.data, moment.rows, d, outputs);
  if (!moment.tokens) return outputs; // G is symmetric
  const products = new Float64Array(K);
  for (let t = 0; t < moment.rows; t++) {
    const output = outputs[t]! * moment.weight;
    for (let k = 0; k < K; k++) products[k]! += output * moment.data[t * K + k]!;
  }
  return products;
}

/** Adds what one group of a row, v = w * s, gives to the gradient. */
function addGroup(
  v: Float32Array,
  s: Float32Array,
  first: number,
  products: Float64Array,
  grid: AffineGrid,
  { scale, zero }: GroupRounder,
  gradient: Float64Array,
): void {
  const most = maxCode(grid);
  let byScale = 0; // dL / d scale
  let byZero = 0; // dL / d zero
  for (let i = 0; i < v.length; i++) {
    const k = first + i;
    const slope = 2 * products[k]!;
    const byValue = -slope / s[k]!; // dL / dQ
    const code = roundHalfEven(Math.fround(v[i]! / scale)) + zero;
    const isInside = code >= 0 && code <= most;
    const steps = Math.min(Math.max(code, 0), most) - zero;
    gradient[k]! += slope * steps * scale / s[k]! + (isInside ? byValue * v[i]! : 0);
    byScale += byValue * (steps - (isInside ? v[i]! / scale : 0));
    if (!isInside) byZero -= byValue * scale;
  }
  const { low, high } = endsOf(v, grid);
  const at = (i: number): number => i < 0 ? 0 : v[i]!;
  if (grid.symmetric) {
    const end = -at(low) > at(high) ? low : high;
    if (end < 0 || Math.abs(at(end)) < MIN_RANGE) return;
    gradient[first + end]! += byScale * Math.abs(at(end)) / (2 ** (grid.bits - 1) - 1);
    return;
  }
  let byLow = 0;
  const wantedZero = roundHalfEven(Math.fround(-at(low) / scale));
  if (wantedZero >= 0 && wantedZero <= most) {
    byLow -= byZero / scale;
    byScale += byZero * at(low) / scale ** 2;
  }
  let byHigh = 0;
  if (Math.fround(at(high) - at(low)) >= MIN_RANGE) {
    byLow -= byScale / most;
    byHigh += byScale / most;
  }
  if (low >= 0) gradient[first + low]! += byLow * v[low]!;
  if (high >= 0) gradient[first + high]! += byHigh * v[high]!;
}

/** Places of the lowest and the highest value; -1 where 0 bounds the range instead. */
function endsOf(v: Float32Array, { symmetric, range }: AffineGrid): { low: number; high: number } {
  const isOpen = symmetric || range === "zero";
  let [min, max] = isOpen ? [0, 0] : [Infinity, -Infinity];
  let [low, high] = [-1, -1];
  v.forEach((value, i) => {
    if (value < min) [min, low] = [value, i];
    if (value > max) [max, high] = [value, i];
  });
  return { low, high };
}

function roundHalfEven(value: number): number {
  const away = 1.5 * 2 ** 52;
  return value + away - away;
}
