/**
 * From a checkpoint to a quantized checkpoint.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { ExportFormat, LinearFormat } from "../export/types.ts";
import { findOutput } from "../output/find_output.ts";
import type { OutputFormat } from "../output/model_output.ts";
import type { LinearReport } from "../plugin.ts";
import { RotatedModel } from "../rotation/rotated_model.ts";
import { bitsPerWeight } from "./bits_per_weight.ts";
import { JournaledOutput } from "../journal/journaled_output.ts";
import { openJournal } from "../journal/open_journal.ts";
import type { RunJournal } from "../journal/run_journal.ts";
import { setupDigest } from "../journal/run_key.ts";
import { withKept } from "../journal/with_kept.ts";
import { LinearRecord } from "./linear_record.ts";
import { OutputSink } from "./output_sink.ts";
import { openFor } from "./open_for.ts";
import type { BitPlan } from "../planning/bit_plan.ts";
import { planRun } from "../planning/plan_run.ts";
import { preparePlan } from "../planning/prepare_plan.ts";
import type { Model } from "../model/model.ts";
import { prepareRun } from "./prepare_run.ts";
import type { QuantizeReport } from "./report.ts";
import { runBlocks } from "./run_blocks.ts";
import type { RunOptions } from "./run_options.ts";
import { transformModel } from "../rotation/transform_model.ts";
import { StageClock } from "./stage_clock.ts";
import { orInterrupted } from "./until_aborted.ts";

/** What {@linkcode quantize} takes. */
export interface QuantizeOptions extends RunOptions {
  /** How the linears are stored, or the form of the whole model. Default `awq-gemm`. */
  readonly format?: ExportFormat | OutputFormat | string | undefined;
  /** Directory to write, which must not exist, or be empty; for `gguf` a file. */
  readonly out: string;
  /** Bytes of tensors after which a new file is begun. Default 5e9. */
  readonly shardBytes?: number | undefined;
  /**
   * Keeps the blocks that are done in `.NAME.salient-work` beside `out` (it takes about the size of the result, and that
   * of the hidden states) until the run is finished. Where one before it with the same options was interrupted, goes on
   * behind its last block; the result is the same, byte for byte. Names and values of `key` are compared too: what else
   * the result depends on, such as options of plugins that do not say them. Default false.
   */
  readonly resume?: boolean | { readonly key: Readonly<Record<string, string>> } | undefined;
  /** Checks everything, predicts the memory and stops before the work. Default false. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Quantizes the linears inside a model's blocks with plugins and writes a checkpoint. One block is
 * in memory at a time. The checkpoint is opened again and every linear compared before the
 * directory takes its name: what exists is whole.
 *
 * @returns What was done, with the error of every linear.
 * @throws {SalientError} `usage`, `input` or `plugin` for what is refused; `disk`, `failed` or `interrupted` for what
 * went wrong midway. Nothing is left behind then, but what `resume` keeps; the message says so.
 *
 * @example Four bits, rounded to nearest
 * ```ts
 * import { createReferenceBackend, quantize } from "@salient/quant";
 * import { rtn } from "@salient/quant/plugins/rtn";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * const parent = await Deno.makeTempDir();
 * const report = await quantize({
 *   model: "models/salient-tiny",
 *   backend,
 *   plugins: [rtn({ bits: 4, groupSize: 128 })],
 *   format: "awq-gemm",
 *   out: `${parent}/quantized`,
 * });
 * assert.equal(report.layers.length, 35);
 * assert.ok(report.bytesAfter < report.bytesBefore);
 * await Deno.remove(parent, { recursive: true });
 * ```
 *
 * @example Interrupted, and resumed
 * ```ts
 * import { createReferenceBackend, quantize } from "@salient/quant";
 * import { rtn } from "@salient/quant/plugins/rtn";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * const parent = await Deno.makeTempDir();
 * const options = {
 *   model: "models/salient-tiny",
 *   backend,
 *   plugins: [rtn({ bits: 4, groupSize: 128 })],
 *   out: `${parent}/quantized`,
 *   resume: true,
 * };
 * const controller = new AbortController();
 * await assert.rejects(quantize({
 *   ...options,
 *   signal: controller.signal,
 *   onEvent(event) {
 *     if (event.type === "block" && event.state === "finish") controller.abort();
 *   },
 * }), /what is done is kept, 1 of 5 blocks/);
 *
 * const report = await quantize(options);
 * assert.equal(report.resumedBlocks, 1);
 * assert.equal(report.layers.length, 35);
 * await Deno.remove(parent, { recursive: true });
 * ```
 */
export async function quantize(options: QuantizeOptions): Promise<QuantizeReport> {
  let journal: RunJournal | undefined;
  try {
    return await orInterrupted(
      options.signal,
      () => writeQuantized(options, (opened) => journal = opened),
    );
  } catch (error) {
    throw withKept(error, journal?.kept);
  }
}

async function writeQuantized(
  options: QuantizeOptions,
  onJournal: (journal: RunJournal) => void,
): Promise<QuantizeReport> {
  const format = findOutput(options.format ?? "awq-gemm");
  using opened = new DisposableStack();
  const model = await openFor(options, opened);
  await using work = new AsyncDisposableStack();
  const resuming = await openJournal(options, model, format, work);
  const { journal } = resuming;
  if (journal !== undefined) onJournal(journal);
  const bitPlan = journal?.plan ?? await planFor(options, model, format);
  if (bitPlan !== undefined) await journal?.savePlan(bitPlan);
  const planned = { ...options, rules: [...options.rules ?? [], ...bitPlan?.rules ?? []] };
  const run = await transformModel(await prepareRun(planned, model, format, opened), opened);
  await journal?.checkSetup(setupDigest(run));
  for (const message of resuming.warnings) {
    run.emit({ type: "log", level: "warn", plugin: undefined, message });
  }
  const clock = new StageClock(run.emit);
  await using output = await format.create({
    model: run.model,
    ops: run.ops,
    out: options.out,
    shardBytes: options.shardBytes,
    temporary: journal?.directory.output,
    relieve: run.relieve,
    warn: (message) => run.emit({ type: "log", level: "warn", plugin: undefined, message }),
  });
  const resumable = journal && { journal, output };
  const written = journal === undefined ? output : new JournaledOutput(output, journal, run.ops);
  await using sink = new OutputSink(written, run.ops);
  const record = new LinearRecord(format);
  let layers: LinearReport[] = [];
  if (options.dryRun !== true) {
    layers = await runBlocks(run, sink, clock, record, resumable);
    const { linears } = record;
    if (linears.size === 0) {
      throw new SalientError("input", "No plugin quantized any linear: add one, such as rtn");
    }
    const skipped = layers.filter(({ method }) => method === "none").map(({ name }) => name);
    await clock.run("copy", async () => {
      if (run.model instanceof RotatedModel) {
        for await (const tensor of run.model.ends()) await output.addStream(tensor);
      }
      await output.finish({ linears, skipped });
    });
    const calibrationTokens = run.calibration?.ids.length ?? 0;
    await run.driver.finish({ linears: layers, calibrationTokens, seconds: clock.seconds });
    await clock.run("verify", () => output.commit());
    journal?.finish();
  }
  return {
    model: model.directory,
    method: run.driver.plugins.map(({ name }) => name).join("+"),
    ...record.shared,
    format: format.name,
    out: options.out,
    backend: model.backend.name,
    seconds: clock.seconds + (bitPlan?.seconds ?? 0),
    calibrationTokens: run.calibration?.ids.length ?? 0,
    peakRssBytes: model.backend.peakRssBytes(),
    peakDeviceBytes: model.backend.peakDeviceBytes() ?? null,
    bytesBefore: model.checkpoint.byteLength,
    bytesAfter: output.byteLength,
    dryRun: options.dryRun === true,
    resumedBlocks: resuming.blocks,
    layers,
    bitPlan: bitPlan ?? null,
    rules: run.rules.reports.slice(0, options.rules?.length ?? 0),
    bitsPerWeight: options.dryRun === true ? 0 : bitsPerWeight(model.linears, record.linears),
    experts: run.experts.report,
    stages: { ...bitPlan && { bits: bitPlan.seconds }, ...clock.stages },
    plan: run.plan,
  };
}

/** The plan of a run with a target; a dry run only checks that there can be one. */
async function planFor(
  options: QuantizeOptions,
  model: Model,
  format: LinearFormat,
): Promise<BitPlan | undefined> {
  if (options.targetBits === undefined) return undefined;
  if (options.dryRun !== true) return await planRun(options, model, format);
  using owned = new DisposableStack();
  await preparePlan(options, model, format, owned);
  return undefined;
}
