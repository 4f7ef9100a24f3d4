/**
 * Chooses the next token.
 *
 * @module
 */

import { SalientError } from "../errors.ts";

/** How the next token is chosen. */
export interface SamplerOptions {
  /** Divides the logits; 0 takes the likeliest token. */
  readonly temperature: number;
  /** Only this many of the likeliest tokens. Default: all. */
  readonly topK?: number;
  /** Only the likeliest tokens that together reach this probability. Default 1. */
  readonly topP?: number;
}

/** Throws a usage error if an option is out of range. */
export function checkSampler({ temperature, topK, topP }: SamplerOptions): void {
  if (!Number.isFinite(temperature) || temperature < 0) {
    throw new SalientError("usage", `Temperature must be 0 or more, but is ${temperature}`);
  }
  if (topK !== undefined && (!Number.isInteger(topK) || topK < 1)) {
    throw new SalientError("usage", `Top-k must be a whole number of at least 1, but is ${topK}`);
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw new SalientError("usage", `Top-p must be above 0 and at most 1, but is ${topP}`);
  }
}

/**
 * The next token: the likeliest (the first of equals) at temperature 0, else one drawn with `random`.
 *
 * @param logits [vocabulary] of the last position.
 * @param random Gives numbers in [0, 1).
 */
export function sampleToken(
  logits: Float32Array,
  options: SamplerOptions,
  random: () => number,
): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  const largest = logits[best]!;
  if (!Number.isFinite(largest)) {
    throw new SalientError("failed", "The model's logits are not finite: its weights overflow");
  }
  if (options.temperature === 0) return best;
  const weights = logits.map((logit) => Math.exp((logit - largest) / options.temperature));
  const least = smallestKept(weights, options);
  let total = 0;
  for (const weight of weights) if (weight >= least) total += weight;
  let left = random() * total;
  let chosen = best;
  for (const [i, weight] of weights.entries()) {
    if (weight < least) continue;
    chosen = i;
    left -= weight;
    if (left < 0) break;
  }
  return chosen;
}

/** The least weight that top-k and top-p keep. */
function smallestKept(weights: Float32Array, { topK, topP = 1 }: SamplerOptions): number {
  if (topK === undefined && topP === 1) return 0;
  const sorted = weights.toSorted().reverse().subarray(0, topK ?? weights.length);
  let total = 0;
  for (const weight of sorted) total += weight;
  let sum = 0;
  for (const weight of sorted) {
    sum += weight;
    if (sum >= topP * total) return weight;
  }
  return sorted.at(-1) ?? 0;
}
