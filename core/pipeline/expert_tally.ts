/**
 * How many experts have seen enough calibration tokens.
 *
 * @module
 */

import type { LinearInfo } from "../plugin.ts";
import { LEAST_TOKENS, type SiteStatistics } from "./statistics.ts";

/** Experts of all blocks whose inputs were observed. */
export interface ExpertReport {
  /** How many there are. */
  readonly total: number;
  /** Those that saw fewer than `leastTokens`: their linears were rounded to nearest. */
  readonly cold: number;
  /** Calibration tokens that an expert has to see. */
  readonly leastTokens: number;
}

/** Counts experts while their linears are quantized. */
export class ExpertTally {
  readonly #experts = new Map<string, boolean>(); // block and expert, and whether it is cold

  /** Counts the expert of a linear, if it belongs to one and was observed. */
  add({ block, expert }: LinearInfo, statistics: SiteStatistics | undefined): void {
    if (expert === undefined || statistics === undefined) return;
    const key = `${block} ${expert}`;
    this.#experts.set(key, this.#experts.get(key) === true || statistics.isCold);
  }

  /** The experts of a block that were counted, each with whether it is cold. */
  ofBlock(block: number): [expert: number, isCold: boolean][] {
    return [...this.#experts].flatMap(([key, isCold]) => {
      const [of, expert] = key.split(" ").map(Number);
      return of === block && expert !== undefined ? [[expert, isCold]] : [];
    });
  }

  /** Counts experts as {@linkcode ExpertTally.ofBlock} told them. */
  restore(block: number, experts: readonly (readonly [expert: number, isCold: boolean])[]): void {
    for (const [expert, isCold] of experts) this.#experts.set(`${block} ${expert}`, isCold);
  }

  /** What was counted; null where there was nothing. */
  get report(): ExpertReport | null {
    const total = this.#experts.size;
    if (total === 0) return null;
    const cold = this.#experts.values().filter((isCold) => isCold).toArray().length;
    return { total, cold, leastTokens: LEAST_TOKENS };
  }

  /** A line for the user where experts are cold. */
  get warning(): string | undefined {
    const { total, cold } = this.report ?? { total: 0, cold: 0 };
    if (cold === 0) return undefined;
    return `${cold} of ${total} experts saw fewer than ${LEAST_TOKENS} calibration tokens, so that their linears were ` +
      `rounded to nearest: give more of them (--samples, --seq-len, a text like what the model will read), or ` +
      `show every expert every token (--all-experts)`;
  }
}
