/**
 * Row-wise normalisation: root mean square norm, layer norm and the log-likelihood of a softmax.
 *
 * @module
 */

/** out = x / sqrt(mean(x^2) + eps) * (weight + offset) for each row of x, as long as `weight`. */
export function rmsNorm(
  x: Float32Array,
  weight: Float32Array,
  out: Float32Array,
  eps: number,
  offset: number,
): void {
  const width = weight.length;
  for (let start = 0; start < x.length; start += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[start + i]! ** 2;
    const factor = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) out[start + i] = x[start + i]! * factor * (weight[i]! + offset);
  }
}

/** out = (x - mean) / sqrt(variance + eps) * weight + bias for each row of `width` elements of x. */
export function layerNorm(
  x: Float32Array,
  weight: Float32Array | undefined,
  bias: Float32Array | undefined,
  out: Float32Array,
  { eps, width }: { eps: number; width: number },
): void {
  for (let start = 0; start < x.length; start += width) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[start + i]!;
    const mean = sum / width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (x[start + i]! - mean) ** 2;
    const factor = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) {
      const normal = (x[start + i]! - mean) * factor;
      out[start + i] = normal * (weight?.[i] ?? 1) + (bias?.[i] ?? 0);
    }
  }
}

/** -log softmax(logits[t])[targets[t]] for each row of logits [T, V]; 0 where the target is -1. */
export function negativeLogLikelihood(
  logits: Float32Array,
  targets: Int32Array,
  V: number,
): Float64Array {
  const losses = new Float64Array(targets.length);
  for (let t = 0; t < targets.length; t++) {
    const target = targets[t]!;
    if (target < 0) continue;
    const row = t * V;
    let largest = -Infinity;
    for (let i = 0; i < V; i++) largest = Math.max(largest, logits[row + i]!);
    let total = 0;
    for (let i = 0; i < V; i++) total += Math.exp(logits[row + i]! - largest);
    losses[t] = Math.log(total) + largest - logits[row + target]!;
  }
  return losses;
}
