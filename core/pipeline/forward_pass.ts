/**
 * The calibration windows on their way through the model.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Block } from "../model/model.ts";
import type { Tensor } from "../tensor.ts";
import { blockPrecision } from "./block_precision.ts";
import { HiddenStates } from "./hidden_states.ts";
import type { PreparedRun } from "./prepare_run.ts";
import type { SiteStatistics, Windows } from "./statistics.ts";
import { checkAborted } from "./until_aborted.ts";

/** Room for the hidden states of all windows. The caller disposes it. */
export async function makeHiddenStates(
  run: PreparedRun,
  { samples, seqLen }: Windows,
  folder: string | undefined,
): Promise<HiddenStates> {
  const width = run.model.config.hiddenSize;
  return await HiddenStates.create(run.ops, {
    samples,
    seqLen,
    width,
    spill: run.plan.spill,
    folder,
  });
}

/** The hidden states before the first block. The caller disposes them. */
export async function embedWindows(
  run: PreparedRun,
  calibration: NonNullable<PreparedRun["calibration"]>,
  folder: string | undefined,
): Promise<HiddenStates> {
  const { ids, samples, seqLen } = calibration;
  await using stack = new AsyncDisposableStack();
  const hidden = stack.use(await makeHiddenStates(run, calibration, folder));
  for (let first = 0; first < samples; first += run.plan.batch) {
    checkAborted(run.signal);
    const count = Math.min(run.plan.batch, samples - first);
    const part = ids.subarray(first * seqLen, (first + count) * seqLen);
    using states = await run.model.embed(part, { sequences: count });
    await hidden.write(first, states);
  }
  const { checkpoint, architecture: { ends } } = run.model;
  for (const name of [ends.embedding, ends.head]) {
    if (checkpoint.entries.has(name)) checkpoint.release(name); // tied ones may be stored under either
  }
  stack.move();
  return hidden;
}

/** What a pass fills and leaves behind. */
export interface PassOptions {
  /** Statistics to fill, by site. */
  readonly statistics: ReadonlyMap<string, SiteStatistics>;
  /** Whether the hidden states are replaced by the block's output. */
  readonly keep: boolean;
  /** The site after which the pass ends: what comes then is not run. */
  readonly until?: string;
}

/** Ends a window's pass when it has come far enough. */
class Reached extends Error {}

/** Lets all windows pass a block. */
export async function passBlock(
  run: PreparedRun,
  block: Block,
  hidden: HiddenStates,
  options: PassOptions,
): Promise<void> {
  const { samples } = run.calibration ?? { samples: 0 };
  for (let first = 0; first < samples; first += run.plan.batch) {
    checkAborted(run.signal);
    const count = Math.min(run.plan.batch, samples - first);
    using input = await hidden.read(first, count);
    using output = await runWindows(run, block, input, count, options);
    if (output !== undefined) {
      const { nonFinite } = await run.ops.summarize(output);
      if (nonFinite > 0) {
        throw new SalientError(
          "input",
          `Block ${block.name} gives NaN or infinite hidden states on the calibration text: ` +
            `the model overflows, quantize another one`,
          { tensor: block.name },
        );
      }
      if (options.keep) await hidden.write(first, output);
    }
    run.emit({ type: "forward", index: block.index, done: first + count, total: samples });
  }
}

/** The block's output; undefined where the pass ends before it. */
async function runWindows(
  run: PreparedRun,
  block: Block,
  input: Tensor,
  sequences: number,
  { statistics, until }: PassOptions,
): Promise<Tensor | undefined> {
  try {
    return await block.run(input, {
      sequences,
      precision: blockPrecision(run.model, block),
      allExperts: run.allExperts && statistics.size > 0,
      observe: async (site, rows) => {
        checkAborted(run.signal);
        await statistics.get(site)?.add(rows);
        if (site === until) throw new Reached();
      },
    });
  } catch (error) {
    if (error instanceof Reached) return undefined;
    throw error;
  }
}
