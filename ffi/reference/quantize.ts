/**
 * Quantizing and dequantizing whole weights [N, K].
 *
 * @module
 */

import type { AffineGrid } from "../../core/backend.ts";
import { GroupRounder } from "./group_rounder.ts";

/** Integers, scales and zero points in plain arrays: [N, K], [N, G], [N, G]. */
export interface PlainQuantized {
  /** Each 0 to 2^bits - 1. */
  codes: Uint8Array;
  /** Rounded to the grid's type. */
  scales: Float32Array;
  /** Zero points. */
  zeros: Uint8Array;
}

/** Rounds `w`, whose groups lie one after the other; clamps each to +-`bounds` first, if given. */
export function quantize(
  w: Float32Array,
  grid: AffineGrid,
  bounds: Float32Array | undefined,
  out: PlainQuantized,
): void {
  const { groupSize } = grid;
  const rounder = new GroupRounder(grid);
  const clamped = bounds === undefined ? w : clampGroups(w, bounds, groupSize);
  for (let group = 0; group < out.scales.length; group++) {
    const start = group * groupSize;
    rounder.fit(clamped, start, start + groupSize);
    out.scales[group] = rounder.scale;
    out.zeros[group] = rounder.zero;
    for (let i = start; i < start + groupSize; i++) out.codes[i] = rounder.code(clamped[i]!);
  }
}

/** w = (code - zero) * scale. */
export function dequantize(source: PlainQuantized, groupSize: number, w: Float32Array): void {
  for (let group = 0; group < source.scales.length; group++) {
    const scale = source.scales[group]!;
    const zero = source.zeros[group]!;
    const start = group * groupSize;
    for (let i = start; i < start + groupSize; i++) w[i] = (source.codes[i]! - zero) * scale;
  }
}

/** out = Q(w * s) / s for a weight of rows of K elements, with s [K] or without. */
export function fakeQuantize(
  w: Float32Array,
  K: number,
  grid: AffineGrid,
  s: Float32Array | undefined,
  out: Float32Array,
): void {
  const { groupSize } = grid;
  const rounder = new GroupRounder(grid);
  for (let start = 0; start < w.length; start += groupSize) {
    const column = start % K;
    for (let i = 0; i < groupSize; i++) {
      out[start + i] = w[start + i]! * (s === undefined ? 1 : s[column + i]!);
    }
    rounder.fit(out, start, start + groupSize);
    for (let i = 0; i < groupSize; i++) {
      const value = rounder.value(rounder.code(out[start + i]!));
      out[start + i] = value / (s === undefined ? 1 : s[column + i]!);
    }
  }
}

/** A weight clamped to +-bound. */
export function clamp(value: number, bound: number): number {
  return value > bound ? bound : value < -bound ? -bound : value;
}

function clampGroups(w: Float32Array, bounds: Float32Array, groupSize: number): Float32Array {
  const clamped = new Float32Array(w.length);
  for (let group = 0; group < bounds.length; group++) {
    const start = group * groupSize;
    for (let i = start; i < start + groupSize; i++) clamped[i] = clamp(w[i]!, bounds[group]!);
  }
  return clamped;
}
