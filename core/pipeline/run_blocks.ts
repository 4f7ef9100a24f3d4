/**
 * The loop over the blocks.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Block } from "../model/model.ts";
import type { LinearReport, QuantizedLinear } from "../plugin.ts";
import { DTYPE_BYTES, type Tensor } from "../tensor.ts";
import { BlockEditor } from "./block_editor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import { BlockFeed } from "./block_feed.ts";
import type { BlockSink } from "./block_sink.ts";
import { checkObeyed } from "./check_obeyed.ts";
import type { LinearRecord } from "./linear_record.ts";
import { FoldCheck } from "./fold_check.ts";
import { BlockPasses } from "./block_passes.ts";
import { embedWindows } from "./forward_pass.ts";
import type { HiddenStates } from "./hidden_states.ts";
import { measureActivation } from "./activation_error.ts";
import { measureLinear } from "./linear_error.ts";
import type { Answered } from "./plugin_driver.ts";
import type { PreparedRun } from "./prepare_run.ts";
import { type Resumable, resumeBlocks, resumeStates, saveHidden } from "./resume_blocks.ts";
import type { StageClock } from "./stage_clock.ts";
import { SiteStatistics } from "./statistics.ts";
import { checkAborted } from "./until_aborted.ts";

/** Tokens of the sequence on which folds are checked; a block is causal, so a prefix will do. */
const CHECKED_TOKENS = 64;

/**
 * Quantizes every block in turn, behind those that the journal holds: loads it, lets the calibration windows pass it as
 * it is, lets the plugins transform it and quantize its linears, hands the result to the sink, journals it and forgets it.
 *
 * @param resumable Where blocks are journaled, if they are.
 * @returns A report for every linear, in order.
 */
export async function runBlocks(
  run: PreparedRun,
  sink: BlockSink,
  clock: StageClock,
  record: LinearRecord,
  resumable?: Resumable,
): Promise<LinearReport[]> {
  const { model, sites, calibration, emit } = run;
  const reports: LinearReport[] = [];
  const lastObserved = sites.findLastIndex((block) => block.size > 0);
  const { blocks } = model.config;
  const begin = resumable?.journal.blocks.length ?? 0;
  if (resumable !== undefined && begin > 0) {
    emit({ type: "resume", done: begin, blocks });
    reports.push(...await clock.run("resume", () => resumeBlocks(run, resumable, record)));
  }
  await using stack = new AsyncDisposableStack();
  const startStates = (set: NonNullable<typeof calibration>): Promise<HiddenStates> =>
    resumable === undefined || begin === 0
      ? embedWindows(run, set, sink.temporary)
      : resumeStates(run, set, resumable, sink.temporary);
  const hidden = calibration === undefined || begin > lastObserved
    ? undefined
    : stack.use(await clock.run("embed", () => startStates(calibration)));

  await clock.run("blocks", async () => {
    const start = performance.now();
    const elapsed = (): number => (performance.now() - start) / 1000;
    await using feed = new BlockFeed(run);
    for (let index = begin; index < blocks; index++) {
      checkAborted(run.signal);
      const before = elapsed();
      using block = await feed.take(index);
      const event = { type: "block", index, blocks, name: block.name } as const;
      const done = index - begin;
      const left = done === 0 ? undefined : before / done * (blocks - index);
      emit({ ...event, state: "start", seconds: before, secondsLeft: left });
      const linears = await runBlock(
        { ...run, block, sink, record, done: reports.length },
        index <= lastObserved ? hidden : undefined,
        index < lastObserved,
      );
      reports.push(...linears);
      model.releaseBlock(index);
      run.relieve();
      await resumable?.journal.finishBlock({
        index,
        seconds: elapsed() - before,
        reports: linears,
        experts: run.experts.ofBlock(index),
        states: await saveHidden(run, resumable, index, index < lastObserved ? hidden : undefined),
      });
      const seconds = elapsed();
      await run.driver.blockDone({ index, linears, seconds: seconds - before }, block.name);
      const secondsLeft = seconds / (done + 1) * (blocks - index - 1);
      emit({ ...event, state: "finish", seconds, secondsLeft });
    }
  });
  const { warning } = run.experts;
  if (warning !== undefined) {
    emit({ type: "log", level: "warn", plugin: undefined, message: warning });
  }
  return reports;
}

interface BlockRunContext extends PreparedRun {
  readonly block: Block;
  readonly sink: BlockSink;
  readonly record: LinearRecord;
  readonly done: number;
}

async function runBlock(
  run: BlockRunContext,
  hidden: HiddenStates | undefined,
  keepHidden: boolean,
): Promise<LinearReport[]> {
  const { block, model, ops, driver, sink } = run;
  using stack = new DisposableStack();
  const statistics = makeStatistics(run, stack);
  const transforms = driver.has("transformBlock");
  const prefix = transforms ? await readPrefix(run, hidden) : undefined;
  if (prefix !== undefined) stack.use(prefix);
  const passes = new BlockPasses(run, { block, hidden, statistics, keep: keepHidden });
  await passes.first();

  const isQuantizable = (name: string): boolean => run.quantizable.has(name);
  const editor = stack.use(new BlockEditor(block, { ops, model, statistics, isQuantizable }));
  if (transforms) {
    const width = model.config.hiddenSize;
    const check = stack.use(await FoldCheck.before(ops, block, width, prefix));
    let folds = 0;
    await driver.transformBlock(editor.view, async () => {
      await editor.checkHook();
      if (editor.folds === folds) return;
      folds = editor.folds;
      await check.compare(editor.current());
    });
  }
  editor.close();
  const reports: LinearReport[] = [];
  const quantized = new Set<string>();
  for (const [role, linear] of editor.linears) {
    checkAborted(run.signal);
    await passes.before(linear.info.site, editor);
    const report = await runLinear(run, editor, linear, passes.needsQuantized);
    if (report.method !== "none") quantized.add(role);
    reports.push(report);
    const total = model.linears.length;
    run.emit({ type: "linear", report, done: run.done + reports.length, total });
  }
  await passes.last(editor);
  await sink.finishBlock(editor, quantized);
  return reports;
}

function makeStatistics(
  run: BlockRunContext,
  stack: DisposableStack,
): ReadonlyMap<string, SiteStatistics> {
  const statistics = new Map<string, SiteStatistics>();
  if (run.calibration === undefined) return statistics;
  for (const [site, asked] of run.sites[run.block.index] ?? []) {
    const reader = [...run.block.linears.values()].find(({ info }) => info.site === site);
    const channels = reader?.info.shape[1] ?? 0;
    const routed = reader?.info.expert !== undefined;
    statistics.set(
      site,
      stack.use(new SiteStatistics(run.ops, channels, asked, run.calibration, routed)),
    );
  }
  return statistics;
}

/** A copy of the beginning of the first window, before the block replaces it. */
async function readPrefix(
  run: BlockRunContext,
  hidden: HiddenStates | undefined,
): Promise<Tensor | undefined> {
  if (hidden === undefined || run.calibration === undefined) return undefined;
  using window = await hidden.read(0, 1);
  using rows = run.ops.rows(window, 0, Math.min(CHECKED_TOKENS, run.calibration.seqLen));
  return await run.ops.cast(rows, "F32");
}

async function runLinear(
  run: BlockRunContext,
  editor: BlockEditor,
  linear: EditedLinear,
  keepQuantized: boolean,
): Promise<LinearReport> {
  const { ops, driver, sink, notes, format } = run;
  const { info } = linear;
  run.experts.add(info, editor.statisticsOf(info));
  const answered = run.quantizable.has(info.name)
    ? await driver.quantizeLinear(
      editor.view.linear(info.name),
      () => editor.checkHook(),
      roundUnseen(run, editor, linear),
    )
    : undefined;
  const { scaleExponent, ...others } = notes.of(info.name);
  const noted = {
    scaleExponent: typeof scaleExponent === "number" ? scaleExponent : null,
    notes: others,
  };
  if (answered === undefined) {
    const plain = { bits: 8 * DTYPE_BYTES[info.dtype], groupSize: 0, error: 0, rtnError: 0 };
    const activations = { activation: null, activationError: null };
    return { name: info.name, method: "none", ...plain, ...activations, clipped: 0, ...noted };
  }
  const { plugin, answer } = answered;
  using weight = answer.weight;
  const rounded = await driver.quantizeActivation(editor.view.linear(info.name));
  const activation = rounded?.answer;
  if (rounded !== undefined && format?.activations === false) {
    throw new SalientError(
      "input",
      `Plugin ${rounded.plugin} wants quantized activations for ${info.name}, which format ` +
        `${format.name} does not store: use --format int-quantized, or only weights`,
      { plugin: rounded.plugin, hook: "quantizeActivation", tensor: info.name },
    );
  }
  try {
    checkObeyed(run.rules.of(info.name), info, weight.grid);
    format?.check(info, weight.grid);
    run.record.add(info, weight.grid, activation);
  } catch (error) {
    if (!(error instanceof SalientError)) throw error;
    const place = { plugin, hook: "quantizeLinear", tensor: info.name, cause: error };
    throw new SalientError(error.code, error.message, place);
  }
  const { error, rtnError } = await measureLinear(
    ops,
    linear,
    editor.statisticsOf(info)?.moment,
    weight,
  );
  const activationError = activation === undefined
    ? null
    : await measureActivation(ops, editor.view.linear(info.name), weight, activation);
  await sink.addLinear(linear, weight, activation);
  if (keepQuantized) editor.setQuantized(linear, await ops.pack(weight), activation);
  const { bits, groupSize } = weight.grid;
  return {
    name: info.name,
    method: plugin,
    bits,
    groupSize,
    error,
    rtnError,
    activation: activation ?? null,
    activationError,
    clipped: answer.clipped ?? 0,
    ...noted,
  };
}

/**
 * Rounds a linear of an expert that has seen too few tokens to nearest, whatever the plugins would do; undefined where enough
 * were seen, or no plugin has said in its setup which grid the linear gets.
 */
function roundUnseen(
  { ops, grids, emit }: BlockRunContext,
  editor: BlockEditor,
  { info, weight }: EditedLinear,
): (() => Promise<Answered<QuantizedLinear>>) | undefined {
  const statistics = editor.statisticsOf(info);
  const grid = grids.get(info.name);
  if (statistics?.isCold !== true || grid === undefined) return undefined;
  return async () => {
    const figures = { fallback: "too few calibration tokens", tokens: statistics.tokens };
    emit({ type: "note", plugin: "rtn", tensor: info.name, figures });
    return { plugin: "rtn", answer: { weight: await ops.quantize(weight, grid) } };
  };
}
