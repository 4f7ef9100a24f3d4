/**
 * The choice of bits under a budget: a multiple-choice knapsack.
 *
 * @module
 */

/** One way to store an item. */
export interface BitChoice {
  /** Bits of an integer. */
  readonly bits: number;
  /** What it takes of the budget: a whole number of bits. */
  readonly cost: number;
  /** The error it makes. */
  readonly error: number;
}

/** What was chosen for all items. */
export interface ChosenBits {
  /** For each item the index of its choice. */
  readonly picks: readonly number[];
  /** What the choices take together. */
  readonly cost: number;
  /** The sum of their errors. */
  readonly error: number;
  /** No choice within the budget has a smaller sum; equal to `error` where the choice is the best there is. */
  readonly bound: number;
}

/** Entries of the table that says how each capacity was reached: one byte each. */
const MOST_ENTRIES = 1 << 26;

/**
 * Picks one choice for each item so that the sum of the errors is least within the budget.
 *
 * By dynamic programming over the budget, in units of the greatest common divisor of what more bits cost:
 * exact, and a model's linears have few different sizes, so that there are few units. Where they would be
 * more than fit a table, units are larger and costs rounded up to them: what comes out still fits the budget, and the
 * Lagrangian dual (max over l of the sum of min(error + l cost) - l budget) bounds what can be missing.
 *
 * @param items The choices of each item; never empty.
 * @returns The picks, or undefined where not even the cheapest fit.
 */
export function chooseBits(
  items: readonly (readonly BitChoice[])[],
  budget: number,
  mostEntries = MOST_ENTRIES,
): ChosenBits | undefined {
  const least = items.map((choices) => Math.min(...choices.map(({ cost }) => cost)));
  const slack = budget - sum(least);
  if (slack < 0) return undefined;
  const extra = items.map((choices, i) => choices.map(({ cost }) => cost - least[i]!));
  const most = Math.min(slack, sum(extra.map((costs) => Math.max(...costs))));
  const exactUnit = extra.flat().reduce(greatestCommonDivisor, 0) || 1;
  const mostUnits = Math.max(1, Math.floor(mostEntries / Math.max(1, items.length)) - 1);
  const unit = Math.max(exactUnit, Math.ceil(most / mostUnits));
  const weights = extra.map((costs) => costs.map((cost) => Math.ceil(cost / unit)));
  const errors = items.map((choices) => choices.map(({ error }) => error));
  const picks = fill(weights, errors, Math.floor(most / unit));
  const chosen = picks.map((pick, i) => items[i]![pick]!);
  const error = sum(chosen.map((choice) => choice.error));
  const bound = unit === exactUnit ? error : Math.min(error, dualBound(items, budget));
  return { picks, cost: sum(chosen.map(({ cost }) => cost)), error, bound };
}

/** The best picks of whole weights within a capacity. */
function fill(
  weights: readonly (readonly number[])[],
  errors: readonly (readonly number[])[],
  capacity: number,
): number[] {
  let best = new Float64Array(capacity + 1); // least error so far within each capacity
  const reached = weights.map((choices, i) => {
    const next = new Float64Array(capacity + 1).fill(Infinity);
    const picked = new Uint8Array(capacity + 1);
    for (const [pick, weight] of choices.entries()) {
      const error = errors[i]![pick]!;
      for (let room = weight; room <= capacity; room++) {
        const total = best[room - weight]! + error;
        if (total >= next[room]!) continue;
        next[room] = total;
        picked[room] = pick;
      }
    }
    best = next;
    return picked;
  });
  const picks: number[] = [];
  let room = capacity;
  for (let i = weights.length - 1; i >= 0; i--) {
    const pick = reached[i]![room]!;
    picks[i] = pick;
    room -= weights[i]![pick]!;
  }
  return picks;
}

/** The Lagrangian dual, at the multiplier where the choices cross the budget. */
function dualBound(items: readonly (readonly BitChoice[])[], budget: number): number {
  function at(multiplier: number): { value: number; cost: number } {
    let [value, cost] = [-multiplier * budget, 0];
    for (const choices of items) {
      const best = choices.reduce((a, b) =>
        b.error + multiplier * b.cost < a.error + multiplier * a.cost ? b : a
      );
      value += best.error + multiplier * best.cost;
      cost += best.cost;
    }
    return { value, cost };
  }
  let bound = at(0).value;
  let [low, high] = [1e-30, 1e10];
  for (let step = 0; step < 100; step++) {
    const multiplier = Math.sqrt(low * high);
    const { value, cost } = at(multiplier);
    bound = Math.max(bound, value);
    if (cost > budget) low = multiplier;
    else high = multiplier;
  }
  return bound;
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
