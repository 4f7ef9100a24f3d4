/**
 * Which experts tokens go to.
 *
 * @module
 */

import type { RouterLayout } from "./layout.ts";

/** The tokens of one expert. */
export interface Route {
  /** Rows of the input, ascending. */
  readonly rows: Int32Array;
  /** What their results are multiplied by. */
  readonly weights: Float32Array;
}

/** Where all tokens go. */
export interface Routing {
  /** For each expert its tokens. */
  readonly routes: readonly Route[];
  /** For each token its experts. */
  readonly chosen: readonly (readonly number[])[];
}

/** What decides beside the logits. */
export interface RoutingOptions {
  /** [count] added to the scores where experts are chosen, if anything is. */
  readonly correction?: Float32Array | undefined;
  /** For each token the experts that it has to go to; undefined where they are to be chosen. */
  readonly chosen?: readonly (readonly number[])[] | undefined;
}

/**
 * Chooses experts for each token: the best few by score (softmax or sigmoid of the logits, plus the correction), of
 * the best groups where there are groups; their weights are the scores without the correction.
 *
 * @param logits [T, count], row by row.
 */
export function routeTokens(
  logits: Float32Array,
  count: number,
  router: RouterLayout,
  options: RoutingOptions = {},
): Routing {
  const { correction } = options;
  const tokens = logits.length / count;
  const routes = Array.from(
    { length: count },
    () => ({ rows: [] as number[], weights: [] as number[] }),
  );
  const chosen: (readonly number[])[] = [];
  for (let token = 0; token < tokens; token++) {
    const scores = scoresOf(logits.subarray(token * count, (token + 1) * count), router.scoring);
    const best = options.chosen?.[token] ?? chooseExperts(scores, router, correction);
    chosen.push(best);
    const total = best.reduce((sum, expert) => sum + (scores[expert] ?? 0), 0);
    // The small term is that of DeepSeek-V3's code; without it sigmoids that are all 0 give NaN.
    const share = router.normalize
      ? router.scale / (total + (router.scoring === "sigmoid" ? 1e-20 : 0))
      : router.scale;
    for (const expert of best) {
      routes[expert]?.rows.push(token);
      routes[expert]?.weights.push((scores[expert] ?? 0) * share);
    }
  }
  return {
    chosen,
    routes: routes.map(({ rows, weights }) => ({
      rows: Int32Array.from(rows),
      weights: Float32Array.from(weights),
    })),
  };
}

function chooseExperts(
  scores: Float64Array,
  { groups, perToken }: RouterLayout,
  correction: Float32Array | undefined,
): readonly number[] {
  const ranks = correction === undefined
    ? scores
    : scores.map((score, i) => score + (correction[i] ?? 0));
  return largest(inBestGroups(ranks, groups), perToken);
}

function scoresOf(logits: Float32Array, scoring: RouterLayout["scoring"]): Float64Array {
  if (scoring === "sigmoid") {
    return Float64Array.from(logits, (value) => 1 / (1 + Math.exp(-value)));
  }
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}

/** The ranks, with those outside of the best groups out of reach. */
function inBestGroups(ranks: Float64Array, groups: RouterLayout["groups"]): Float64Array {
  if (groups === undefined) return ranks;
  const size = ranks.length / groups.count;
  const best = Float64Array.from({ length: groups.count }, (_, group) => {
    const own = ranks.slice(group * size, (group + 1) * size).sort().reverse();
    return groups.score === "max" ? own[0] ?? 0 : (own[0] ?? 0) + (own[1] ?? 0);
  });
  const kept = new Set(largest(best, groups.perToken));
  return ranks.map((rank, i) => kept.has(Math.floor(i / size)) ? rank : -Infinity);
}

/** Indices of the `count` largest values, the largest first; of equal ones the earlier. */
function largest(values: Float64Array, count: number): number[] {
  return [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b)
    .slice(0, count);
}
