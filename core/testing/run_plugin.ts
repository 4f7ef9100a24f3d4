/**
 * Drives one plugin through a model, with everything it answers laid open.
 *
 * @module
 */

import type { AffineGrid, Ops, QuantizedWeight } from "../backend.ts";
import type { Model } from "../model/model.ts";
import { BlockEditor } from "../pipeline/block_editor.ts";
import { guardOps } from "../pipeline/guard_ops.ts";
import { observedSites } from "../pipeline/observation.ts";
import { PluginDriver } from "../pipeline/plugin_driver.ts";
import { RunGrid } from "../pipeline/run_grid.ts";
import { RuleSet } from "../rules/rule_set.ts";
import { SiteStatistics } from "../pipeline/statistics.ts";
import type { LinearReport, ModelInfo, Plugin } from "../plugin.ts";
import { seededRandom } from "../random.ts";
import { transformModel } from "../rotation/transform_model.ts";
import type { Tensor } from "../tensor.ts";

/** Windows of the made-up calibration. */
const SAMPLES = 4;
/** Tokens of a window. */
const SEQ_LEN = 32;

/** What a plugin made of one linear. */
export interface LinearOutcome {
  /** Full name. */
  readonly name: string;
  /** The grid it answered with. */
  readonly grid: AffineGrid;
  /** [N, K]. */
  readonly codes: Uint8Array;
  /** [N, G]. */
  readonly scales: Float32Array;
  /** [N, G]. */
  readonly zeros: Uint8Array;
}

/** What a plugin made of the model. */
export interface PluginOutcome {
  /** Relative change of the logits by `transformModel`; 0 where there is none. */
  readonly logitChange: number;
  /** Largest relative change, over the blocks, of what a block adds to its input. */
  readonly change: number;
  /** The linears that it quantized, in order. */
  readonly linears: readonly LinearOutcome[];
}

/** How {@linkcode runPlugin} runs. */
export interface RunPluginOptions {
  /** Operations for the plugin. Default: the model's backend. */
  readonly ops?: Ops;
  /** Ends the run. */
  readonly signal?: AbortSignal;
}

/** Runs all hooks of the plugin on every block, on random tokens. */
export async function runPlugin(
  model: Model,
  plugin: Plugin,
  options: RunPluginOptions = {},
): Promise<PluginOutcome> {
  const { backend, config, linears } = model;
  const signal = options.signal ?? new AbortController().signal;
  const { ops, settle, activity } = guardOps(options.ops ?? backend, signal);
  const info: ModelInfo = {
    family: model.family.name,
    blocks: config.blocks,
    hiddenSize: config.hiddenSize,
    linears,
  };
  const driver = new PluginDriver([plugin], {
    model: info,
    ops,
    settle,
    activity,
    grid: new RunGrid(linears, undefined, new RuleSet([], linears)).helpers,
    signal,
    seed: 0,
    emit: () => {},
  });
  await driver.setup();
  const sites = observedSites(linears, config.blocks, (linear) => driver.observe(linear));

  const random = seededRandom("conformance");
  const ids = Int32Array.from(
    { length: SAMPLES * SEQ_LEN },
    () => Math.floor(random() * config.vocabSize),
  );
  using states = new DisposableStack();
  const { model: turned } = await transformModel({ model, info, ops, driver }, states);
  let hidden = states.use(await turned.embed(ids));
  const outcomes: LinearOutcome[] = [];
  const allReports: LinearReport[] = [];
  let change = 0;
  for (let index = 0; index < config.blocks; index++) {
    using scope = new DisposableStack();
    const block = scope.use(await turned.loadBlock(index));
    const statistics = new Map<string, SiteStatistics>();
    for (const { info } of block.linears.values()) {
      const asked = sites[index]?.get(info.site);
      if (asked === undefined || statistics.has(info.site)) continue;
      const windows = { samples: SAMPLES, seqLen: SEQ_LEN };
      const routed = info.expert !== undefined;
      const site = new SiteStatistics(backend, info.shape[1], asked, windows, routed);
      statistics.set(info.site, scope.use(site));
    }
    const output = states.use(
      await block.run(hidden, {
        sequences: SAMPLES,
        observe: async (site, input) => await statistics.get(site)?.add(input),
      }),
    );
    const isQuantizable = (): boolean => true;
    const editor = scope.use(
      new BlockEditor(block, { ops: backend, model: turned, statistics, isQuantizable }),
    );
    await driver.transformBlock(editor.view);
    using changed = await editor.current().run(hidden, { sequences: SAMPLES });
    change = Math.max(change, relativeChange(backend, hidden, output, changed));
    const reports: LinearReport[] = [];
    for (const linear of editor.view.linears) {
      const answered = await driver.quantizeLinear(linear);
      if (answered === undefined) continue;
      using weight = answered.answer.weight;
      await driver.quantizeActivation(linear); // the driver checks the answer
      outcomes.push(readOutcome(backend, linear.name, weight));
      reports.push(reportOf(linear.name, plugin.name, weight));
    }
    await driver.blockDone({ index, linears: reports, seconds: 0 }, block.name);
    allReports.push(...reports);
    hidden = output;
  }
  await driver.finish({ linears: allReports, calibrationTokens: ids.length, seconds: 0 });
  const logitChange = turned === model ? 0 : await compareLogits(model, turned, ids, hidden);
  return { change, logitChange, linears: outcomes };
}

/** ||changed - logits|| / ||logits||, with `hidden` from the last block of the changed model. */
async function compareLogits(
  model: Model,
  turned: Model,
  ids: Int32Array,
  hidden: Tensor,
): Promise<number> {
  using states = new DisposableStack();
  let plain = states.use(await model.embed(ids));
  for (let index = 0; index < model.config.blocks; index++) {
    using block = await model.loadBlock(index);
    plain = states.use(await block.run(plain, { sequences: SAMPLES }));
  }
  using expected = await model.logits(plain);
  using found = await turned.logits(hidden);
  using nothing = model.backend.zeros("F32", expected.shape);
  return relativeChange(model.backend, nothing, expected, found);
}

/** What reports say of a linear; its errors are not measured here. */
function reportOf(name: string, method: string, { grid }: QuantizedWeight): LinearReport {
  const { bits, groupSize } = grid;
  const errors = { error: 0, rtnError: 0, scaleExponent: null, clipped: 0 };
  const activations = { activation: null, activationError: null };
  return { name, method, bits, groupSize, ...errors, ...activations, notes: {} };
}

function readOutcome(ops: Ops, name: string, weight: QuantizedWeight): LinearOutcome {
  return {
    name,
    grid: weight.grid,
    codes: ops.downloadBytes(weight.codes),
    scales: ops.download(weight.scales),
    zeros: ops.downloadBytes(weight.zeros),
  };
}

/** ||changed - output|| / ||output - input||. */
function relativeChange(ops: Ops, input: Tensor, output: Tensor, changed: Tensor): number {
  const [x, y, z] = [ops.download(input), ops.download(output), ops.download(changed)];
  let [difference, contribution] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    difference += ((z[i] ?? NaN) - (y[i] ?? NaN)) ** 2;
    contribution += ((y[i] ?? NaN) - (x[i] ?? NaN)) ** 2;
  }
  return Math.sqrt(difference / contribution);
}
