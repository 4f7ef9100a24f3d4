/**
 * The blocks of a run that was interrupted.
 *
 * @module
 */

import { replayBlock } from "../journal/replay_block.ts";
import type { RunJournal } from "../journal/run_journal.ts";
import { restoreStates, type SavedStates, saveStates } from "../journal/saved_states.ts";
import type { AffineGrid } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { ModelOutput } from "../output/model_output.ts";
import type { LinearInfo, LinearReport } from "../plugin.ts";
import { checkObeyed } from "./check_obeyed.ts";
import { makeHiddenStates } from "./forward_pass.ts";
import type { HiddenStates } from "./hidden_states.ts";
import type { LinearRecord } from "./linear_record.ts";
import type { PreparedRun } from "./prepare_run.ts";
import { checkAborted } from "./until_aborted.ts";

/** What a run needs that can be resumed. */
export interface Resumable {
  /** The journal. */
  readonly journal: RunJournal;
  /** The output itself, behind what writes into the journal. */
  readonly output: ModelOutput;
}

/**
 * Writes the blocks that are done once more, and tells the plugins of them.
 *
 * @returns Their reports, linear by linear.
 */
export async function resumeBlocks(
  run: PreparedRun,
  { journal, output }: Resumable,
  record: LinearRecord,
): Promise<LinearReport[]> {
  const { model, ops, rules, format, experts, driver } = run;
  const reports: LinearReport[] = [];
  for (const block of journal.blocks) {
    checkAborted(run.signal);
    const { summary } = block;
    const target = {
      model,
      ops,
      output,
      record,
      check: (info: LinearInfo, grid: AffineGrid): void => {
        checkObeyed(rules.of(info.name), info, grid);
        format?.check(info, grid);
      },
    };
    await replayBlock(block, target, journal.directory.journal);
    experts.restore(summary.index, summary.experts);
    const linears = summary.reports;
    reports.push(...linears);
    run.relieve();
    const { name } = model.architecture.block(summary.index);
    const told = { index: summary.index, linears, seconds: summary.seconds, resumed: true };
    await driver.blockDone(told, name);
  }
  return reports;
}

/**
 * The hidden states behind the last block that is done. The caller disposes them.
 *
 * @throws {SalientError} `input` where they are not what was saved.
 */
export async function resumeStates(
  run: PreparedRun,
  calibration: NonNullable<PreparedRun["calibration"]>,
  { journal }: Resumable,
  folder: string | undefined,
): Promise<HiddenStates> {
  const { directory, blocks } = journal;
  const last = blocks.at(-1)?.summary;
  if (last === undefined || last.states === null) {
    const path = directory.journal;
    throw new SalientError(
      "input",
      `${path} has no hidden states to go on from: remove its folder to start over`,
      { file: path },
    );
  }
  await using stack = new AsyncDisposableStack();
  const hidden = stack.use(await makeHiddenStates(run, calibration, folder));
  const { samples, seqLen } = calibration;
  const width = run.model.config.hiddenSize;
  const windows = { samples, seqLen, width, batch: run.plan.batch };
  await restoreStates(run.ops, hidden, directory.states(last.index), last.states, windows);
  stack.move();
  return hidden;
}

/** Saves what the next block is given; null where it needs nothing. */
export async function saveHidden(
  { ops, calibration, plan: { batch } }: PreparedRun,
  { journal: { directory } }: Resumable,
  index: number,
  hidden: HiddenStates | undefined,
): Promise<SavedStates | null> {
  if (hidden === undefined || calibration === undefined) return null;
  const { samples } = calibration;
  return await saveStates(ops, hidden, directory.states(index), { samples, batch });
}
