/**
 * The driver of plugins: one method for each hook, which runs it as its kind demands.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { GridHelpers } from "../grid_helpers.ts";
import type {
  ActivationFormat,
  Awaitable,
  BlockReport,
  BlockView,
  LinearInfo,
  LinearView,
  ModelInfo,
  ModelView,
  Plugin,
  PluginContext,
  QuantizedLinear,
  RunReport,
} from "../plugin.ts";
import { type HookName, orderPlugins } from "./check_plugins.ts";
import { checkActivation } from "./check_activation.ts";
import { checkQuantized } from "./check_quantized.ts";
import type { EventListener } from "./events.ts";
import {
  checkObservation,
  isObserved,
  type MergedObservation,
  mergeObservations,
  NO_OBSERVATION,
} from "./observation.ts";
import { makePluginContext } from "./plugin_context.ts";
import { stampError } from "./stamp_error.ts";
import type { OpenView } from "../rotation/transform_model.ts";
import { checkAborted, untilAborted } from "./until_aborted.ts";

/** What the driver gives to the plugins. */
export interface PluginRun {
  /** The model. */
  readonly model: ModelInfo;
  /** Operations on tensors. */
  readonly ops: Ops;
  /** Helpers for grids. */
  readonly grid: GridHelpers;
  /** Waits for the operations that an abandoned hook has left running. */
  readonly settle: () => Promise<void>;
  /** Grows while operations are done, so that a hook that does none can be told. */
  readonly activity?: () => number;
  /** Seconds that one call of a hook may take; undefined for no limit. */
  readonly hookTimeout?: number | undefined;
  /** Milliseconds after which a hook that does nothing is mentioned. Default 60,000. */
  readonly newsEvery?: number;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** Seed of the plugins' random numbers. */
  readonly seed: number;
  /** Takes the plugins' words and notes. */
  readonly emit: EventListener;
}

/** An answer, and the plugin that gave it. */
export interface Answered<T> {
  /** Name of the plugin. */
  readonly plugin: string;
  /** What it answered. */
  readonly answer: T;
}

/**
 * Runs the hooks of plugins. Every error that leaves it is a `SalientError` stamped once with
 * plugin, hook and tensor; every wait ends when the signal is aborted, even if a hook never
 * settles.
 */
export class PluginDriver {
  /** The plugins in the order in which they run. */
  readonly plugins: readonly Plugin[];
  readonly #run: PluginRun;

  /**
   * Checks and orders the plugins.
   *
   * @throws {SalientError} `plugin`, naming the plugin and what is wrong with it.
   */
  constructor(plugins: readonly unknown[], run: PluginRun) {
    this.plugins = orderPlugins(plugins);
    this.#run = run;
  }

  /** Whether any plugin has this hook. */
  has(hook: HookName): boolean {
    return this.plugins.some((plugin) => plugin[hook] !== undefined);
  }

  /** Whether a plugin wants inputs observed behind what is quantized already in their block. */
  get sequential(): boolean {
    return this.plugins.some((plugin) => plugin.sequential === true);
  }

  /** Whether a plugin wants the next block to be given the outputs of the quantized one. */
  get propagate(): boolean {
    return this.plugins.some((plugin) => plugin.propagate === true);
  }

  /** Sequential: every plugin checks its options against the model. */
  async setup(): Promise<void> {
    for (const plugin of this.plugins) {
      await this.#call(plugin, "setup", undefined, (ctx) => plugin.setup?.(ctx));
    }
  }

  /** Merged: the union of what the plugins ask to see of a linear's input. */
  observe(linear: LinearInfo): MergedObservation {
    checkAborted(this.#run.signal);
    return this.plugins.reduce((merged, plugin) => {
      try {
        return mergeObservations(merged, checkObservation(plugin.observe?.(linear)));
      } catch (error) {
        throw stampError(error, { plugin: plugin.name, hook: "observe", tensor: linear.name });
      }
    }, NO_OBSERVATION);
  }

  /**
   * Sequential: every plugin transforms the model.
   *
   * @param open Makes the view for a plugin, by its name; it is disposed when the hook ends.
   */
  async transformModel(open: (plugin: string) => OpenView<ModelView>): Promise<void> {
    for (const plugin of this.plugins) {
      await this.#call(plugin, "transformModel", undefined, async (ctx) => {
        using opened = open(plugin.name);
        await plugin.transformModel?.(opened.view, ctx);
      });
    }
  }

  /** Sequential: every plugin transforms the block; `afterEach` looks at it after each one. */
  async transformBlock(block: BlockView, afterEach?: () => Promise<void>): Promise<void> {
    for (const plugin of this.plugins) {
      if (plugin.transformBlock === undefined) continue;
      await this.#call(plugin, "transformBlock", block.name, async (ctx) => {
        await plugin.transformBlock?.(block, ctx);
        await afterEach?.();
      });
    }
  }

  /**
   * First answer wins: the quantized linear, checked; undefined if every plugin leaves it. `afterEach` may look at what
   * each has done.
   *
   * @param unseen Answers in place of a plugin that observes the linear's inputs, where too few of them were seen.
   */
  async quantizeLinear(
    linear: LinearView,
    afterEach?: () => Promise<void>,
    unseen?: () => Promise<Answered<QuantizedLinear>>,
  ): Promise<Answered<QuantizedLinear> | undefined> {
    for (const plugin of this.plugins) {
      if (unseen !== undefined && plugin.quantizeLinear !== undefined && observes(plugin, linear)) {
        return await unseen();
      }
      const answer = await this.#call(plugin, "quantizeLinear", linear.name, async (ctx) => {
        const answer = await plugin.quantizeLinear?.(linear, ctx);
        await afterEach?.();
        if (answer !== undefined && answer !== null) checkQuantized(answer, linear, this.#run.ops);
        return answer ?? undefined;
      });
      if (answer !== undefined) return { plugin: plugin.name, answer };
    }
    return undefined;
  }

  /** First answer wins: the format of a linear's activations, checked. */
  async quantizeActivation(linear: LinearView): Promise<Answered<ActivationFormat> | undefined> {
    for (const plugin of this.plugins) {
      const answer = await this.#call(plugin, "quantizeActivation", linear.name, async (ctx) => {
        const answer = await plugin.quantizeActivation?.(linear, ctx);
        return answer === undefined || answer === null ? undefined : checkActivation(answer);
      });
      if (answer !== undefined) return { plugin: plugin.name, answer };
    }
    return undefined;
  }

  /** Parallel: every plugin is told of a finished block. */
  async blockDone(report: BlockReport, name: string): Promise<void> {
    await this.#all("blockDone", name, (plugin, ctx) => plugin.blockDone?.(report, ctx));
  }

  /** Parallel: every plugin is told of the finished run. */
  async finish(report: RunReport): Promise<void> {
    await this.#all("finish", undefined, (plugin, ctx) => plugin.finish?.(report, ctx));
  }

  /** Runs a hook of all plugins at once and waits for all, so that none is left running. */
  async #all(
    hook: HookName,
    tensor: string | undefined,
    call: (plugin: Plugin, ctx: PluginContext) => Awaitable<void>,
  ): Promise<void> {
    const outcomes = await Promise.allSettled(
      this.plugins.map((plugin) => this.#call(plugin, hook, tensor, (ctx) => call(plugin, ctx))),
    );
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #call<T>(
    plugin: Plugin,
    hook: HookName,
    tensor: string | undefined,
    call: (ctx: PluginContext) => Awaitable<T>,
  ): Promise<T | undefined> {
    const { signal, emit } = this.#run;
    checkAborted(signal);
    if (plugin[hook] === undefined) return undefined;
    const place = { plugin: plugin.name, hook, ...(tensor === undefined ? {} : { tensor }) };
    const at = tensor === undefined ? "" : ` on ${tensor}`;
    const { activity = () => 0, hookTimeout, newsEvery } = this.#run;
    let seen = activity();
    function news(seconds: number): void {
      const now = activity();
      const isIdle = now === seen;
      seen = now;
      if (!isIdle) return;
      const message =
        `Plugin ${plugin.name} has been in ${hook}${at} for ${Math.round(seconds)} s ` +
        "and no operation is running: Ctrl-C ends the run, --hook-timeout limits a hook";
      emit({ type: "log", level: "warn", plugin: plugin.name, message });
    }
    function late(seconds: number): Error {
      return new SalientError("plugin", `it took longer than the ${seconds} s of --hook-timeout`);
    }
    try {
      const ctx = makePluginContext(this.#run, place);
      const waiting = { news, newsEvery, limit: hookTimeout, late };
      return await untilAborted(Promise.try(call, ctx), signal, waiting);
    } catch (error) {
      await this.#run.settle(); // so that no tensor is freed under what an abandoned hook has begun
      checkAborted(signal); // whatever a hook throws then, it is because of the signal
      throw stampError(error, place);
    }
  }
}

/** Whether a plugin asks for statistics of a linear's inputs. */
function observes(plugin: Plugin, linear: LinearInfo): boolean {
  return isObserved(mergeObservations(NO_OBSERVATION, plugin.observe?.(linear)));
}
