/**
 * Everything that is checked and decided before a run begins its work.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { LinearFormat } from "../export/types.ts";
import type { Model } from "../model/model.ts";
import type { LinearInfo, ModelInfo } from "../plugin.ts";
import { checkRules } from "../rules/check_rules.ts";
import { RuleSet } from "../rules/rule_set.ts";
import { checkExperts } from "./check_experts.ts";
import type { EventListener } from "./events.ts";
import { ExpertTally } from "./expert_tally.ts";
import { guardOps } from "./guard_ops.ts";
import { trackTensors } from "./track_tensors.ts";
import { type MemoryPlan, planMemory } from "./memory_plan.ts";
import { type MergedObservation, observedSites } from "./observation.ts";
import { PluginDriver } from "./plugin_driver.ts";
import { RunGrid } from "./run_grid.ts";
import { RunNotes } from "./run_notes.ts";
import type { RunOptions } from "./run_options.ts";
import type { Windows } from "./statistics.ts";

/** A run that may begin. */
export interface PreparedRun {
  /** The model. */
  readonly model: Model;
  /** The model as plugins see it. */
  readonly info: ModelInfo;
  /** Operations that stop with the run. */
  readonly ops: Ops;
  /** Runs the plugins. */
  readonly driver: PluginDriver;
  /** The rules, matched against the model. */
  readonly rules: RuleSet;
  /** The grid of each linear as a plugin resolved it in its setup, the last one where several did. */
  readonly grids: ReadonlyMap<string, AffineGrid>;
  /** Names of the linears that may be quantized. */
  readonly quantizable: ReadonlySet<string>;
  /** For each block what is asked of its sites. */
  readonly sites: readonly ReadonlyMap<string, MergedObservation>[];
  /** Ids of the calibration windows and their sizes; undefined where nothing is observed. */
  readonly calibration: (Windows & { readonly ids: Int32Array }) | undefined;
  /** Whether every expert is shown every calibration token. */
  readonly allExperts: boolean;
  /** What it will need. */
  readonly plan: MemoryPlan;
  /** Whether the next block is loaded while one is at work. */
  readonly loadsAhead: boolean;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** Format of the result; undefined if it stays in memory. */
  readonly format: LinearFormat | undefined;
  /** What plugins note. */
  readonly notes: RunNotes;
  /** Counts the experts that saw too little. */
  readonly experts: ExpertTally;
  /** Tells the listener. */
  readonly emit: EventListener;
  /** Hands memory that the backend keeps for later back to the system, where there is a limit. */
  readonly relieve: () => void;
}

/**
 * Checks model, plugins, calibration and memory, and runs the plugins' `setup`: whatever can be
 * refused is refused here.
 *
 * @param owned Frees, with the run, what plugins leave behind.
 * @throws {SalientError} `usage`, `input` or `plugin`
 */
export async function prepareRun(
  options: RunOptions,
  model: Model,
  format: LinearFormat | undefined,
  owned: DisposableStack,
): Promise<PreparedRun> {
  if (model.quantization !== undefined) {
    throw new SalientError(
      "input",
      `${model.directory} is quantized already (${model.quantization.format}): use the original`,
      { file: model.directory },
    );
  }
  const signal = options.signal ?? new AbortController().signal;
  const notes = new RunNotes(options.onEvent);
  const { ops, settle, activity } = guardOps(model.backend, signal);
  const tracked = owned.use(trackTensors(ops));
  const { embedding, head } = model.architecture.ends;
  const outside = [head, embedding].map((name) => name.replace(/\.weight$/, ""));
  for (const { name, plain } of model.linears) if (plain === true) outside.push(name);
  const named = model.linears.filter(({ plain }) => plain !== true);
  const rules = new RuleSet(checkRules(options.rules ?? []), named, outside);
  const linears = quantizableLinears(model.linears, options.skip ?? [], rules);
  const info: ModelInfo = {
    family: model.family.name,
    blocks: model.config.blocks,
    hiddenSize: model.config.hiddenSize,
    linears,
  };
  const { emit } = notes;
  for (const message of rules.warnings()) {
    emit({ type: "log", level: "warn", plugin: undefined, message });
  }
  const runGrid = new RunGrid(linears, format, rules);
  const driver = new PluginDriver(options.plugins, {
    model: info,
    ops: tracked.ops,
    settle,
    activity,
    hookTimeout: checkHookTimeout(options.hookTimeout),
    grid: runGrid.helpers,
    signal,
    seed: options.seed ?? 0,
    emit,
  });
  if (format !== undefined && !driver.has("quantizeLinear")) {
    const names = driver.plugins.map(({ name }) => name).join(", ");
    const message = `No plugin rounds any linear (${names}): add one that does, such as rtn`;
    throw new SalientError("usage", message);
  }
  await driver.setup();
  runGrid.refuseMixtures();
  if (format !== undefined) {
    const quantized = new Set(linears.map(({ name }) => name));
    checkExperts(format, model.linears, quantized, runGrid.grids);
  }
  const sites = observedSites(linears, info.blocks, (linear) => driver.observe(linear));
  const calibration = checkCalibration(options, model, sites.some((block) => block.size > 0));
  const plan = planMemory({
    config: model.config,
    linears: model.linears,
    sites,
    windows: calibration,
    transforms: driver.has("transformBlock") || driver.has("transformModel"),
    rotates: driver.has("transformModel"),
    passesAgain: driver.sequential || driver.propagate,
    keepsBlocks: format === undefined,
    limit: options.memory,
  });
  emit({ type: "plan", plan });
  const quantizable = new Set(linears.map(({ name }) => name));
  return {
    model,
    info,
    ops,
    driver,
    rules,
    grids: runGrid.grids,
    quantizable,
    sites,
    calibration,
    allExperts: options.allExperts === true,
    plan,
    // Where the weights have to be copied to a device. With a limit one block is there at a time; a rotated one is computed.
    loadsAhead: options.memory === undefined && model.backend.peakDeviceBytes() !== undefined &&
      !driver.has("transformModel"),
    signal,
    format,
    notes,
    experts: new ExpertTally(),
    emit,
    relieve: () => options.memory === undefined ? undefined : model.backend.trim(),
  };
}

function checkHookTimeout(seconds: number | undefined): number | undefined {
  if (seconds === undefined || (seconds > 0 && seconds <= 2e6)) return seconds;
  throw new SalientError("usage", `Hook timeout must be seconds above 0 but is ${seconds}`);
}

function quantizableLinears(
  linears: readonly LinearInfo[],
  skip: readonly string[],
  rules: RuleSet,
): readonly LinearInfo[] {
  for (const part of skip) {
    if (part !== "" && linears.some(({ name }) => name.includes(part))) continue;
    throw new SalientError(
      "usage",
      `No linear has "${part}" in its name: use for example ${linears[0]?.name}`,
    );
  }
  const left = linears.filter(({ name, plain }) =>
    plain !== true && !skip.some((part) => name.includes(part)) &&
    rules.of(name)?.skip !== true
  );
  if (left.length > 0) return left;
  throw new SalientError("usage", "Every linear is skipped: leave at least one to be quantized");
}

function checkCalibration(
  options: RunOptions,
  model: Model,
  needed: boolean,
): PreparedRun["calibration"] {
  if (!needed) return undefined;
  const set = options.calibration;
  if (set === undefined) {
    const observing = options.plugins.filter(({ observe }) => observe !== undefined);
    throw new SalientError(
      "usage",
      `Plugin ${observing[0]?.name} observes the model's inputs: give a calibration text`,
    );
  }
  const { ids, samples, seqLen } = set;
  if (samples < 1 || seqLen < 1 || ids.length !== samples * seqLen) {
    throw new SalientError(
      "input",
      `Calibration holds ${ids.length} tokens where ${samples} windows of ${seqLen} are wanted`,
    );
  }
  const { maxPositions } = model.config;
  if (seqLen > maxPositions) {
    throw new SalientError(
      "input",
      `Calibration windows of ${seqLen} tokens are longer than the model's ${maxPositions} ` +
        `positions: lower --seq-len`,
    );
  }
  return { ids, samples, seqLen };
}
