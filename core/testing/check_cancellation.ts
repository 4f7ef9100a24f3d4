/**
 * The case about interruptions.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Plugin } from "../plugin.ts";
import type { MakeBackend } from "./check_outcome.ts";
import { openSynthetic } from "./open_synthetic.ts";
import { runPlugin } from "./run_plugin.ts";
import { trackHooks } from "./track_hooks.ts";
import { watchOps } from "./watched_ops.ts";

/** A plugin must have stopped this long after the signal. */
const MILLISECONDS = 2000;

/**
 * Interrupted at its first, a middle and its last operation, a run ends as interrupted and the plugin's hooks
 * end with it. (Tensors that an operation returns after the interruption are left to the garbage collector.)
 */
export async function checkCancellation(
  make: () => Plugin,
  makeBackend: MakeBackend,
): Promise<void> {
  await using synthetic = await openSynthetic(makeBackend);
  const { model, backend } = synthetic;
  let calls = 0;
  await runPlugin(model, make(), { ops: watchOps(backend, () => calls++) });
  if (calls === 0) return; // it does nothing that could be interrupted
  for (const stop of new Set([1, Math.ceil(calls / 2), calls])) {
    const controller = new AbortController();
    let left = stop;
    const ops = watchOps(backend, () => {
      if (--left === 0) controller.abort();
    });
    const { plugin, settled } = trackHooks(make());
    const outcome = await runPlugin(model, plugin, { ops, signal: controller.signal })
      .then(() => undefined, (error: unknown) => error);
    const interrupted = outcome instanceof SalientError && outcome.code === "interrupted";
    if (!interrupted) fail(`A run interrupted at operation ${stop} must not go on`, outcome);
    if (!await settled(MILLISECONDS)) {
      fail(`A hook interrupted at operation ${stop} still ran ${MILLISECONDS} ms later`, outcome);
    }
  }
}

function fail(message: string, cause: unknown): never {
  throw new SalientError("plugin", message, { cause });
}
