/**
 * Causal attention, one query row and head at a time.
 *
 * @module
 */

import type { AttentionShape } from "../../core/backend.ts";

/**
 * out = softmax(scale q k^T) v for every head, where row t of a sequence sees its keys from
 * `queryStart + t - window + 1` (or 0) to `queryStart + t`. Heads share key heads in runs (GQA). Scores are capped
 * and biased as the shape says.
 * q and out [S * queries, heads * headDim], k and v [S * keyRows, kvHeads * headDim].
 */
export function attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  out: Float32Array,
  shape: AttentionShape,
  rows: { queries: number; keyRows: number },
): void {
  const { heads, kvHeads, headDim, sequences, scale, window, queryStart } = shape;
  const softcap = shape.softcap ?? 0;
  const { queries, keyRows } = rows;
  const qWidth = heads * headDim;
  const kvWidth = kvHeads * headDim;
  const scores = new Float64Array(queryStart + queries);
  const sums = new Float64Array(headDim);
  for (let s = 0; s < sequences; s++) {
    for (let t = 0; t < queries; t++) {
      const last = queryStart + t;
      const first = window > 0 ? Math.max(0, last - window + 1) : 0;
      for (let h = 0; h < heads; h++) {
        const query = (s * queries + t) * qWidth + h * headDim;
        const head = s * keyRows * kvWidth + Math.floor(h * kvHeads / heads) * headDim;

        let largest = -Infinity;
        for (let j = first; j <= last; j++) {
          const key = head + j * kvWidth;
          let dot = 0;
          for (let d = 0; d < headDim; d++) dot += q[query + d]! * k[key + d]!;
          let score = dot * scale;
          if (softcap > 0) score = softcap * Math.tanh(score / softcap);
          if (shape.slopes !== undefined) score += shape.slopes[h]! * (j - last);
          scores[j] = score;
          largest = Math.max(largest, score);
        }

        let total = 0;
        sums.fill(0);
        for (let j = first; j <= last; j++) {
          const weight = Math.exp(scores[j]! - largest);
          const value = head + j * kvWidth;
          total += weight;
          for (let d = 0; d < headDim; d++) sums[d]! += weight * v[value + d]!;
        }
        for (let d = 0; d < headDim; d++) out[query + d] = sums[d]! / total;
      }
    }
  }
}
