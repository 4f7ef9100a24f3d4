/**
 * How often, and as what, the calibration windows pass a block.
 *
 * @module
 */

import type { Block } from "../model/model.ts";
import type { BlockEditor } from "./block_editor.ts";
import { passBlock } from "./forward_pass.ts";
import type { HiddenStates } from "./hidden_states.ts";
import type { PreparedRun } from "./prepare_run.ts";
import { pointOf } from "./site_point.ts";
import type { SiteStatistics } from "./statistics.ts";

/** What the passes of a block go through. */
export interface BlockPassOptions {
  /** The block as it was loaded. */
  readonly block: Block;
  /** What enters it; undefined where nothing is observed any more. */
  readonly hidden: HiddenStates | undefined;
  /** Statistics to fill, by site, in the order in which the block comes to them. */
  readonly statistics: ReadonlyMap<string, SiteStatistics>;
  /** Whether another block follows that needs hidden states. */
  readonly keep: boolean;
}

/**
 * The passes of one block. Plainly it is one: every site is observed in the original block, whose outputs go on to the
 * next. Where a plugin asks for sequential observation, each point of the block but the first is observed again
 * once what comes before it is quantized, all experts at once; where one asks for propagation, the quantized block makes the
 * hidden states of the next. The hidden states are replaced in the last pass, as all others need them.
 */
export class BlockPasses {
  readonly #run: PreparedRun;
  readonly #options: BlockPassOptions;
  readonly #again: boolean;
  readonly #observed = new Set<string>(); // points, in whatever state the block was
  readonly #reached = new Set<string>(); // points whose linears are being quantized, or are

  /** Nothing has passed yet. */
  constructor(run: PreparedRun, options: BlockPassOptions) {
    this.#run = run;
    this.#options = options;
    const { sequential, propagate } = run.driver;
    this.#again = options.hidden !== undefined && (sequential || propagate);
  }

  /** Whether the quantized linears are needed for a pass. */
  get needsQuantized(): boolean {
    return this.#again;
  }

  /** Observes the original block. */
  async first(): Promise<void> {
    const { block, hidden, statistics, keep } = this.#options;
    if (hidden === undefined) return;
    const { driver } = this.#run;
    const [site] = statistics.keys();
    if (driver.sequential && !driver.has("transformBlock") && site !== undefined) {
      // Nothing but the first point is looked at as it is now.
      await this.#observe(block, hidden, pointOf(site));
    } else {
      await passBlock(this.#run, block, hidden, { statistics, keep: keep && !this.#again });
      for (const name of statistics.keys()) this.#observed.add(pointOf(name));
    }
    this.#run.relieve(); // of the activations
  }

  /** Observes the point of a site behind what is quantized by now, once, where that is asked for. */
  async before(site: string, editor: BlockEditor): Promise<void> {
    const { hidden } = this.#options;
    const point = pointOf(site);
    if (hidden === undefined || !this.#run.driver.sequential || this.#reached.has(point)) return;
    this.#reached.add(point);
    if (this.#observed.has(point)) {
      if (!editor.hasQuantized) return; // the inputs are still the same
      for (const found of this.#at(point).values()) await found.reset();
    }
    await this.#observe(editor.current(), hidden, point);
    this.#run.relieve();
  }

  /** Makes the hidden states of the next block, where the first pass could not. */
  async last(editor: BlockEditor): Promise<void> {
    const { block, hidden, keep } = this.#options;
    if (hidden === undefined || !keep || !this.#again) return;
    const source = this.#run.driver.propagate ? editor.current() : block;
    await passBlock(this.#run, source, hidden, { statistics: new Map(), keep });
    this.#run.relieve();
  }

  /** The statistics of the sites at a point. */
  #at(point: string): ReadonlyMap<string, SiteStatistics> {
    const { statistics } = this.#options;
    return new Map([...statistics].filter(([site]) => pointOf(site) === point));
  }

  async #observe(block: Block, hidden: HiddenStates, point: string): Promise<void> {
    const statistics = this.#at(point);
    if (statistics.size === 0) return;
    this.#observed.add(point);
    // Where the point is one site, nothing behind it has to run.
    const until = statistics.size === 1 && statistics.has(point) ? { until: point } : {};
    await passBlock(this.#run, block, hidden, { statistics, keep: false, ...until });
  }
}
