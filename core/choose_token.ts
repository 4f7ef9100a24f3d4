/**
 * Chooses a token by its logits: what `Ops.chooseTokens` does with each row.
 *
 * @module
 */

/** How the next token is chosen. */
export interface SamplerOptions {
  /** Divides the logits; 0 takes the likeliest token. */
  readonly temperature: number;
  /** Only this many of the likeliest tokens. Default: all. */
  readonly topK?: number;
  /** Only the likeliest tokens that together reach this probability. Default 1. */
  readonly topP?: number;
}

/** Most logits of a row: sums of weights stay exact in fp64. */
export const MAX_LOGITS = 2 ** 22;

/** What the likeliest token weighs. */
const UNIT = 2 ** 31;
/** A weight below this power of e rounds to 0. */
const LEAST = -22.2;

/**
 * The token of a row of logits: the likeliest (the first of equals) at temperature 0, else the one that `random` falls on
 * when the tokens' weights are laid side by side, in order. -1 where a logit is NaN or infinite and not -Infinity, which
 * stands for a token that is never chosen, or where there is no other.
 *
 * A weight is the whole number nearest to `exp((logit - largest) / temperature) * 2^31`, so sums are exact whatever their
 * order, and every backend chooses the same, unless its exp rounds the last bit of a weight otherwise. Top-k keeps the
 * weights that are no less than the k-th largest; of those, top-p the largest that together reach that part of the k
 * largest's sum. Equal weights are kept or left out together.
 *
 * @param logits [vocabulary], at most 2^22.
 * @param random In [0, 1); not used at temperature 0.
 */
export function chooseToken(
  logits: Float32Array,
  options: SamplerOptions,
  random: number,
): number {
  let best = 0;
  for (const [i, logit] of logits.entries()) {
    if (Number.isNaN(logit) || logit === Infinity) return -1;
    if (logit > logits[best]!) best = i;
  }
  const largest = logits[best] ?? -Infinity;
  if (largest === -Infinity) return -1;
  if (options.temperature === 0) return best;
  const weights = Float64Array.from(logits, (logit) => {
    const power = (logit - largest) / options.temperature;
    return power < LEAST ? 0 : Math.floor(Math.exp(power) * UNIT + 0.5);
  });
  const least = smallestKept(weights, options);
  let total = 0;
  for (const weight of weights) if (weight >= least) total += weight;
  const place = Math.min(Math.floor(random * total), total - 1);
  let sum = 0;
  return weights.findIndex((weight) => {
    if (weight >= least) sum += weight;
    return sum > place;
  });
}

/** The least weight that top-k and top-p keep. */
function smallestKept(weights: Float64Array, { topK, topP = 1 }: SamplerOptions): number {
  if (topK === undefined && topP === 1) return 0;
  const sorted = weights.toSorted().reverse().subarray(0, topK ?? weights.length);
  let total = 0;
  for (const weight of sorted) total += weight;
  let sum = 0;
  for (const weight of sorted) {
    sum += weight;
    if (sum >= topP * total) return weight;
  }
  return 0;
}
