/**
 * The calibration windows on their way through the model.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Block } from "../model/model.ts";
import { HiddenStates } from "./hidden_states.ts";
import type { PreparedRun } from "./prepare_run.ts";
import type { SiteStatistics } from "./statistics.ts";
import { checkAborted } from "./until_aborted.ts";

/** Width from which blocks stored in bf16 run in bf16: their products are then most of the time. */
const WIDE = 1024;

/** The hidden states before the first block. The caller disposes them. */
export async function embedWindows(
  run: PreparedRun,
  calibration: NonNullable<PreparedRun["calibration"]>,
  folder: string | undefined,
): Promise<HiddenStates> {
  const { ids, samples, seqLen } = calibration;
  await using stack = new AsyncDisposableStack();
  const hidden = stack.use(
    await HiddenStates.create(run.ops, {
      samples,
      seqLen,
      width: run.model.config.hiddenSize,
      spill: run.plan.spill,
      folder,
    }),
  );
  for (let first = 0; first < samples; first += run.plan.batch) {
    checkAborted(run.signal);
    const count = Math.min(run.plan.batch, samples - first);
    using states = await run.model.embed(ids.subarray(first * seqLen, (first + count) * seqLen));
    await hidden.write(first, states);
  }
  const { checkpoint, family } = run.model;
  for (const name of [family.names.embedding, family.names.head]) {
    if (checkpoint.entries.has(name)) checkpoint.release(name); // tied ones may be stored under either
  }
  stack.move();
  return hidden;
}

/**
 * Lets all windows pass a block and gathers its statistics.
 *
 * @param keep Whether the hidden states are replaced by the block's output: not after the last block.
 */
export async function passBlock(
  run: PreparedRun,
  block: Block,
  hidden: HiddenStates,
  statistics: ReadonlyMap<string, SiteStatistics>,
  keep: boolean,
): Promise<void> {
  const { samples } = run.calibration ?? { samples: 0 };
  const precision = precisionOf(run, block);
  for (let first = 0; first < samples; first += run.plan.batch) {
    checkAborted(run.signal);
    const count = Math.min(run.plan.batch, samples - first);
    using input = await hidden.read(first, count);
    using output = await block.run(input, {
      sequences: count,
      precision,
      observe: async (site, rows) => {
        checkAborted(run.signal);
        await statistics.get(site)?.add(rows);
      },
    });
    const { nonFinite } = await run.ops.summarize(output);
    if (nonFinite > 0) {
      throw new SalientError(
        "input",
        `Block ${block.name} gives NaN or infinite hidden states on the calibration text: ` +
          `the model overflows, quantize another one`,
        { tensor: block.name },
      );
    }
    if (keep) await hidden.write(first, output);
    run.emit({ type: "forward", index: block.index, done: first + count, total: samples });
  }
}

/**
 * What a wide block stored in bf16 is run in: bf16, several times as fast. Only its inputs are rounded then, as wherever
 * such a model is served, and statistics of many tokens do not show it.
 */
function precisionOf(run: PreparedRun, block: Block): "fp32" | "bf16" {
  if (run.model.config.hiddenSize < WIDE) return "fp32";
  const narrow = [...block.linears.values()].every(({ weight }) => {
    return !("packed" in weight) && weight.dtype === "BF16";
  });
  return narrow ? "bf16" : "fp32";
}
