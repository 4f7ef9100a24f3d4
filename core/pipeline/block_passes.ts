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
 * next. Where a plugin asks for sequential observation, each site but the first is observed again
 * once what comes before it is quantized; where one asks for propagation, the quantized block makes the
 * hidden states of the next. The hidden states are replaced in the last pass, as all others need them.
 */
export class BlockPasses {
  readonly #run: PreparedRun;
  readonly #options: BlockPassOptions;
  readonly #again: boolean;
  readonly #observed = new Set<string>(); // sites, in whatever state the block was
  readonly #reached = new Set<string>(); // sites whose linears are being quantized, or are

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
      // Nothing but the first site is looked at as it is now.
      await this.#observe(block, hidden, site);
    } else {
      await passBlock(this.#run, block, hidden, { statistics, keep: keep && !this.#again });
      for (const name of statistics.keys()) this.#observed.add(name);
    }
    this.#run.relieve(); // of the activations
  }

  /** Observes a site behind what is quantized by now, once, where that is asked for. */
  async before(site: string, editor: BlockEditor): Promise<void> {
    const { hidden, statistics } = this.#options;
    if (hidden === undefined || !this.#run.driver.sequential || this.#reached.has(site)) return;
    this.#reached.add(site);
    if (this.#observed.has(site)) {
      if (!editor.hasQuantized) return; // the inputs are still the same
      await statistics.get(site)?.reset();
    }
    await this.#observe(editor.current(), hidden, site);
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

  async #observe(block: Block, hidden: HiddenStates, site: string): Promise<void> {
    const found = this.#options.statistics.get(site);
    if (found === undefined) return;
    this.#observed.add(site);
    const statistics = new Map([[site, found]]);
    await passBlock(this.#run, block, hidden, { statistics, keep: false, until: site });
  }
}
