/**
 * The journal of a run, where it is to have one.
 *
 * @module
 */

import type { Model } from "../model/model.ts";
import type { OutputFormat } from "../output/model_output.ts";
import type { QuantizeOptions } from "../pipeline/quantize.ts";
import { RunJournal } from "./run_journal.ts";
import { runKey } from "./run_key.ts";
import { WorkDirectory } from "./work_directory.ts";

/** How a run begins. */
export interface Resuming {
  /** Its journal; undefined where nothing is kept. */
  readonly journal: RunJournal | undefined;
  /** Blocks that need not be done. */
  readonly blocks: number;
  /** Lines for the user. */
  readonly warnings: readonly string[];
}

/**
 * Opens the journal that the options ask for.
 *
 * @param owned Gives it free, and removes it where it is not needed any more.
 * @throws {SalientError} As {@linkcode RunJournal.open}.
 */
export async function openJournal(
  options: QuantizeOptions,
  model: Model,
  format: OutputFormat,
  owned: AsyncDisposableStack,
): Promise<Resuming> {
  const { out, resume } = options;
  if (resume === undefined || resume === false) {
    const directory = new WorkDirectory(out);
    const isUnfinished = out !== "" && await directory.hasJournal().catch(() => false);
    const warning =
      `${directory.path} holds the work of an interrupted run: --resume goes on from it, ` +
      "else remove it";
    return { journal: undefined, blocks: 0, warnings: isUnfinished ? [warning] : [] };
  }
  const more = resume === true ? {} : resume.key;
  const key = await runKey({ options, model, format, more });
  const identity = { key, machine: model.backend.detail, blocks: model.config.blocks };
  if (options.dryRun === true) {
    return { journal: undefined, blocks: await RunJournal.peek(out, identity), warnings: [] };
  }
  const journal = owned.use(await RunJournal.open(out, identity));
  const warnings = journal.warning === undefined ? [] : [journal.warning];
  return { journal, blocks: journal.blocks.length, warnings };
}
