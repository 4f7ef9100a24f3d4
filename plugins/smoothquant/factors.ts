/**
 * The factors that activations are divided by.
 *
 * @module
 */

/** The least magnitude of an activation's or a weight's channel, and of a factor, as in the published code. */
const LEAST = 1e-5;

/**
 * The published factors, `max|x|^alpha / max|w|^(1 - alpha)` (SmoothQuant, equation 4), divided by their geometric mean, which
 * leaves products as they are and keeps norms and scales in range.
 *
 * A channel that no token used keeps the factor 1: the published one would blow up whatever comes there later.
 *
 * @param inputs [K] largest |x| of each channel.
 * @param weights [K] largest |w| of each column, over all linears of the set.
 * @param channelOf Channels with equal entries get equal factors: those of their largest values.
 */
export function smoothingFactors(
  inputs: Float32Array,
  weights: Float32Array,
  alpha: number,
  channelOf: Uint32Array,
): Float32Array {
  const [x, w] = [tieLargest(inputs, channelOf), tieLargest(weights, channelOf)];
  const factors = new Float32Array(x.length).fill(1);
  let [sum, live] = [0, 0];
  for (let k = 0; k < factors.length; k++) {
    if (!((x[k] ?? 0) > 0)) continue;
    const input = Math.max(x[k] ?? 0, LEAST);
    const weight = Math.max(w[k] ?? 0, LEAST);
    const factor = Math.max(input ** alpha / weight ** (1 - alpha), LEAST);
    factors[k] = factor;
    sum += Math.log(factor);
    live++;
  }
  const middle = live === 0 ? 1 : Math.exp(sum / live);
  return factors.map((factor, k) => (x[k] ?? 0) > 0 ? factor / middle : 1);
}

/** Replaces each entry by the largest of the entries that share its channel. */
function tieLargest(values: Float32Array, channelOf: Uint32Array): Float32Array {
  const largest = new Map<number, number>();
  channelOf.forEach((channel, k) => {
    largest.set(channel, Math.max(largest.get(channel) ?? 0, values[k] ?? 0));
  });
  return Float32Array.from(channelOf, (channel) => largest.get(channel) ?? 0);
}
