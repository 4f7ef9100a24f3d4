/**
 * The scales that the search tries.
 *
 * @module
 */

/** One vector of scales to try. */
export interface Candidate {
  /** Exponent of the activations' mean magnitude; 0 for the identity. */
  readonly exponent: number;
  /** Whether the scales were divided by the weights' term. */
  readonly weightTerm: boolean;
  /** [K], positive and finite. */
  readonly scales: Float32Array;
}

/** Least scale before normalisation, as in the published search. */
const LEAST_SCALE = 1e-4;

/**
 * All candidates of a set, the identity first.
 *
 * `s = mean|x|^a`, or `mean|x|^a / (wmean^(1-a) + 1e-4)` with the weight term, for `points` exponents a
 * from 0 to 1; then divided by `sqrt(max(s) min(s))` (AWQ, equation 5, and its published code). A channel
 * that no token used (mean 0) takes the least scale of the others: its weights do no harm to their
 * group's range, and it cannot set the normalisation.
 *
 * @param absMean [K] mean |x|, equal where the factors are tied.
 * @param weightMean [K] mean relative weight, equal where the factors are tied; used by the weight term.
 */
export function makeCandidates(
  absMean: Float32Array,
  weightMean: Float32Array | undefined,
  points: number,
  weightTerms: readonly boolean[],
): Candidate[] {
  const identity = new Float32Array(absMean.length).fill(1);
  const candidates: Candidate[] = [{ exponent: 0, weightTerm: false, scales: identity }];
  for (const weightTerm of weightTerms) {
    for (let i = 0; i < points; i++) {
      const exponent = i / (points - 1);
      if (exponent === 0 && !weightTerm) continue; // the identity again
      const weights = weightTerm ? weightMean : undefined;
      candidates.push({ exponent, weightTerm, scales: makeScales(absMean, weights, exponent) });
    }
  }
  return candidates;
}

/** The scales of one exponent, with the weight term where `weightMean` is given. */
export function makeScales(
  absMean: Float32Array,
  weightMean: Float32Array | undefined,
  exponent: number,
): Float32Array {
  const scales = new Float32Array(absMean.length);
  let least = Infinity;
  let most = 0;
  for (let k = 0; k < scales.length; k++) {
    const mean = absMean[k] ?? 0;
    if (!(mean > 0)) continue;
    const divisor = weightMean === undefined ? 1 : (weightMean[k] ?? 1) ** (1 - exponent) + 1e-4;
    const scale = Math.max(mean ** exponent / divisor, LEAST_SCALE);
    scales[k] = scale;
    least = Math.min(least, scale);
    most = Math.max(most, scale);
  }
  if (most === 0) return scales.fill(1);
  const middle = Math.sqrt(most * least);
  for (let k = 0; k < scales.length; k++) {
    const scale = (scales[k] === 0 ? least : scales[k] ?? 1) / middle;
    scales[k] = Number.isFinite(scale) && scale > 0 ? scale : 1;
  }
  return scales;
}

/** Replaces each entry by the mean of the entries that share its free scale. */
export function tie(values: Float32Array, channelOf: Uint32Array, free: number): Float32Array {
  if (free === values.length) return values;
  const sums = new Float64Array(free);
  const counts = new Uint32Array(free);
  channelOf.forEach((channel, k) => {
    sums[channel] = (sums[channel] ?? 0) + (values[k] ?? 0);
    counts[channel] = (counts[channel] ?? 0) + 1;
  });
  return Float32Array.from(channelOf, (channel) => (sums[channel] ?? 0) / (counts[channel] ?? 1));
}
