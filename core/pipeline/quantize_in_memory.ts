/**
 * From a model to a quantized model, without a checkpoint.
 *
 * @module
 */

import type { Model } from "../model/model.ts";
import { bitsPerWeight } from "./bits_per_weight.ts";
import { LinearRecord } from "./linear_record.ts";
import { MemorySink } from "./memory_sink.ts";
import { planRun } from "../planning/plan_run.ts";
import { prepareRun } from "./prepare_run.ts";
import { openFor } from "./open_for.ts";
import type { QuantizeReport } from "./report.ts";
import { runBlocks } from "./run_blocks.ts";
import type { RunOptions } from "./run_options.ts";
import { transformModel } from "../rotation/transform_model.ts";
import { StageClock } from "./stage_clock.ts";
import { orInterrupted } from "./until_aborted.ts";

/** What {@linkcode quantizeInMemory} returns. */
export interface QuantizedInMemory {
  /** The quantized model. The caller disposes it, before the original. */
  readonly model: Model;
  /** What was done. */
  readonly report: QuantizeReport;
}

/**
 * Quantizes like `quantize`, and keeps the packed linears, folded norms and biases in memory as a
 * model that runs. It takes any grid, linear by linear. `report.bytesAfter` is the size of the
 * checkpoint that it would be.
 *
 * @throws {SalientError} As `quantize`.
 *
 * @example Three bits, and the error of the first linear
 * ```ts
 * import { createReferenceBackend, openModel, quantizeInMemory } from "@salient/quant";
 * import { rtn } from "@salient/quant/plugins/rtn";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using original = await openModel("models/salient-tiny", backend);
 * const result = await quantizeInMemory({
 *   model: original,
 *   backend,
 *   plugins: [rtn({ bits: 3, groupSize: 32 })],
 * });
 * using quantized = result.model;
 * assert.equal(quantized.quantization?.bits, 3);
 * const [first] = result.report.layers;
 * assert.ok(first !== undefined && first.error < 0.1);
 * ```
 */
export async function quantizeInMemory(options: RunOptions): Promise<QuantizedInMemory> {
  return await orInterrupted(options.signal, () => keepQuantized(options));
}

async function keepQuantized(options: RunOptions): Promise<QuantizedInMemory> {
  using opened = new DisposableStack();
  const model = await openFor(options, opened);
  const bitPlan = options.targetBits === undefined
    ? undefined
    : await planRun(options, model, undefined);
  const planned = { ...options, rules: [...options.rules ?? [], ...bitPlan?.rules ?? []] };
  const run = await transformModel(await prepareRun(planned, model, undefined, opened), opened);
  const clock = new StageClock(run.emit);
  await using sink = new MemorySink(run.model, run.ops);
  const record = new LinearRecord(undefined);
  const layers = await runBlocks(run, sink, clock, record);
  const calibrationTokens = run.calibration?.ids.length ?? 0;
  await run.driver.finish({ linears: layers, calibrationTokens, seconds: clock.seconds });
  const report: QuantizeReport = {
    model: model.directory,
    method: run.driver.plugins.map(({ name }) => name).join("+"),
    ...record.shared,
    format: "memory",
    out: null,
    backend: model.backend.name,
    seconds: clock.seconds + (bitPlan?.seconds ?? 0),
    calibrationTokens,
    peakRssBytes: model.backend.peakRssBytes(),
    peakDeviceBytes: model.backend.peakDeviceBytes() ?? null,
    bytesBefore: model.checkpoint.byteLength,
    bytesAfter: sink.byteLength,
    dryRun: false,
    resumedBlocks: 0,
    layers,
    bitPlan: bitPlan ?? null,
    rules: run.rules.reports.slice(0, options.rules?.length ?? 0),
    bitsPerWeight: bitsPerWeight(model.linears, record.linears),
    experts: run.experts.report,
    stages: { ...bitPlan && { bits: bitPlan.seconds }, ...clock.stages },
    plan: run.plan,
  };
  return { model: sink.takeModel(record.stored("memory"), opened.move()), report };
}
