/**
 * What the tests of the driver share.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { AffineGrid, Ops } from "../../../core/backend.ts";
import { SalientError } from "../../../core/errors.ts";
import { resolveGrid } from "../../../core/grid_helpers.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { PluginDriver } from "../../../core/pipeline/plugin_driver.ts";
import type { BlockView, Plugin } from "../../../core/plugin.ts";

/** A linear. */
export const LINEAR = {
  name: "model.layers.0.mlp.up_proj",
  block: 0,
  role: "up",
  shape: [8, 16],
  dtype: "F32",
  site: "mlp",
} as const;
/** Its block. */
export const BLOCK = { index: 0, name: "model.layers.0" } as BlockView;
/** A grid that fits it. */
export const GRID: AffineGrid = resolveGrid({ bits: 3, groupSize: 8 }, LINEAR);

/** A driver of these plugins. */
export function make(
  plugins: readonly unknown[],
  options: {
    signal?: AbortSignal;
    ops?: Ops;
    events?: PipelineEvent[];
    seed?: number;
    activity?: () => number;
    hookTimeout?: number;
    newsEvery?: number;
  } = {},
): PluginDriver {
  return new PluginDriver(plugins, {
    model: { family: "llama", blocks: 1, hiddenSize: 16, linears: [LINEAR] },
    ops: options.ops ?? {} as Ops,
    settle: () => Promise.resolve(),
    activity: options.activity ?? (() => 0),
    hookTimeout: options.hookTimeout,
    ...(options.newsEvery === undefined ? {} : { newsEvery: options.newsEvery }),
    grid: { resolve: resolveGrid },
    signal: options.signal ?? new AbortController().signal,
    seed: options.seed ?? 0,
    emit: (event) => options.events?.push(event),
  });
}

/** A plugin with some hooks. */
export function plugin(name: string, hooks: Partial<Plugin> = {}): Plugin {
  return { name, apiVersion: 1, ...hooks };
}

/** What some work is rejected with: an error of ours, in one line. */
export async function rejection(work: Promise<unknown>): Promise<SalientError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof SalientError, `not one of ours: ${error}`);
    assert.ok(!error.message.includes("\n"));
    return error;
  }
  return assert.fail("nothing was thrown");
}
