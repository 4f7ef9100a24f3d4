/**
 * Plans of bits for people who want to see them, or change them, before a run.
 *
 * @module
 */

import type { ExportFormat } from "../export/types.ts";
import type { OutputFormat } from "../output/model_output.ts";
import { findOutput } from "../output/find_output.ts";
import { openFor } from "../pipeline/open_for.ts";
import type { RunOptions } from "../pipeline/run_options.ts";
import { orInterrupted } from "../pipeline/until_aborted.ts";
import type { BitPlan } from "./bit_plan.ts";
import { planRun } from "./plan_run.ts";
import type { TargetBits } from "./target_bits.ts";

/** What {@linkcode planBits} takes: what the run will take, and what it will write. */
export interface PlanOptions extends RunOptions {
  /** The target. */
  readonly targetBits: number | TargetBits;
  /** The format that the run will write. Default: none, the result stays in memory. */
  readonly format?: ExportFormat | OutputFormat | string | undefined;
}

/**
 * The plan that a run with `targetBits` would follow. Its `rules` can be given to a run in place of the target, as
 * they are or changed.
 *
 * @throws {SalientError} `usage`, `input` or `plugin` for what is refused.
 *
 * @example Five bits on average
 * ```ts
 * import { createReferenceBackend, loadCalibration, loadTokenizer, planBits } from "@salient/quant";
 * import { rtn } from "@salient/quant/plugins/rtn";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const calibration = await loadCalibration({ source: "default", tokenizer, samples: 1, seqLen: 32 });
 * const plan = await planBits({
 *   model: "models/salient-tiny",
 *   backend,
 *   plugins: [rtn({ groupSize: 32 })],
 *   calibration,
 *   targetBits: { bits: 5, choices: [3, 4, 8] },
 * });
 * assert.equal(plan.rules.length, 35);
 * assert.ok(plan.bitsPerWeight <= 5);
 * ```
 */
export async function planBits(options: PlanOptions): Promise<BitPlan> {
  const format = options.format === undefined ? undefined : findOutput(options.format);
  return await orInterrupted(options.signal, async () => {
    using opened = new DisposableStack();
    const model = await openFor(options, opened);
    return await planRun(options, model, format);
  });
}
