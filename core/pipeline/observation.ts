/**
 * What plugins ask to see, merged.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { LinearInfo, Observation } from "../plugin.ts";

const FLAGS = ["absMean", "absMax", "gram"] as const;
const COUNTS = ["tokens", "sequences"] as const;
const NAMES: readonly string[] = [...FLAGS, ...COUNTS];

/** {@linkcode Observation} with nothing left open: 0 and false for what nobody asked. */
export type MergedObservation = Readonly<Required<Observation>>;

/** Nothing is asked. */
export const NO_OBSERVATION: MergedObservation = {
  absMean: false,
  absMax: false,
  gram: false,
  tokens: 0,
  sequences: 0,
};

/**
 * What an `observe` hook answered, checked.
 *
 * @throws {SalientError} `plugin`, in the words of what is wrong with it.
 */
export function checkObservation(answer: unknown): Observation | undefined {
  if (answer === undefined || answer === null) return undefined;
  if (typeof answer !== "object") refuse(`answered ${String(answer)}, which is no object`);
  if (answer instanceof Promise) {
    answer.catch(() => {});
    refuse("answered a promise: it must answer at once");
  }
  for (const [name, value] of Object.entries(answer)) {
    if (!NAMES.includes(name)) {
      refuse(`asked for the unknown statistic ${name}: use ${NAMES.join(", ")}`);
    }
    if (value === undefined) continue;
    const isFlag = (FLAGS as readonly string[]).includes(name);
    if (isFlag && typeof value !== "boolean") {
      refuse(`gave ${name} the value ${String(value)}: use true or false`);
    }
    if (!isFlag && !(Number.isInteger(value) && (value as number) >= 0)) {
      refuse(`gave ${name} the value ${String(value)}: use a whole number`);
    }
  }
  return answer as Observation;
}

/** The union of two observations. */
export function mergeObservations(
  a: MergedObservation,
  b: Observation | undefined,
): MergedObservation {
  if (b === undefined) return a;
  return {
    absMean: a.absMean || (b.absMean ?? false),
    absMax: a.absMax || (b.absMax ?? false),
    gram: a.gram || (b.gram ?? false),
    tokens: Math.max(a.tokens, b.tokens ?? 0),
    sequences: Math.max(a.sequences, b.sequences ?? 0),
  };
}

/** Whether anything is asked at all. */
export function isObserved(observation: MergedObservation): boolean {
  return observation.absMean || observation.absMax || observation.gram ||
    observation.tokens > 0 || observation.sequences > 0;
}

/**
 * What is asked of each site of each block: the union over the linears that share it.
 *
 * @param observe What the plugins ask of one linear.
 * @returns For each block the observation of each site by its name, sites without any left out.
 */
export function observedSites(
  linears: readonly LinearInfo[],
  blocks: number,
  observe: (linear: LinearInfo) => MergedObservation,
): ReadonlyMap<string, MergedObservation>[] {
  const sites = Array.from({ length: blocks }, () => new Map<string, MergedObservation>());
  for (const linear of linears) {
    const asked = observe(linear);
    if (!isObserved(asked)) continue;
    const block = sites[linear.block];
    block?.set(linear.site, mergeObservations(block.get(linear.site) ?? NO_OBSERVATION, asked));
  }
  return sites;
}

function refuse(message: string): never {
  throw new SalientError("plugin", message);
}
