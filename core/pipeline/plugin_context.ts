/**
 * What a hook is given besides its subject.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { PluginContext } from "../plugin.ts";
import { seededRandom } from "../random.ts";
import type { PluginRun } from "./plugin_driver.ts";
import type { HookPlace } from "./stamp_error.ts";

/**
 * The context of one call of a hook. Its random numbers depend on the run's seed, the plugin, the
 * hook and the tensor and on nothing else, so they do not change with the order of the work.
 */
export function makePluginContext(run: PluginRun, place: HookPlace): PluginContext {
  const { plugin, hook, tensor = "" } = place;
  let random: (() => number) | undefined;
  function log(level: "info" | "warn", message: string): void {
    run.emit({ type: "log", level, plugin, message: String(message) });
  }
  return {
    model: run.model,
    ops: run.ops,
    grid: run.grid,
    log: {
      info: (message) => log("info", message),
      warn: (message) => log("warn", message),
    },
    random() {
      random ??= seededRandom([run.seed, plugin, hook, tensor].join("\0"));
      return random();
    },
    signal: run.signal,
    note(tensor, figures) {
      if (typeof tensor !== "string" || typeof figures !== "object" || figures === null) {
        throw new SalientError("plugin", "note takes a name and an object of figures");
      }
      run.emit({ type: "note", plugin, tensor, figures });
    },
  };
}
