/**
 * The cases about what must be refused.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { quantizeInMemory } from "../pipeline/quantize_in_memory.ts";
import type { Plugin } from "../plugin.ts";
import type { MakeBackend } from "./check_outcome.ts";
import { openSynthetic } from "./open_synthetic.ts";
import { runPlugin } from "./run_plugin.ts";
import { NAN_LINEAR } from "./synthetic_model.ts";

/** A run with a NaN weight ends with an error that names the linear. */
export async function checkNanWeight(make: () => Plugin, makeBackend: MakeBackend): Promise<void> {
  await using synthetic = await openSynthetic(makeBackend, { oddity: "nan" });
  const { model, backend } = synthetic;
  const ids = Int32Array.from({ length: 64 }, (_, i) => i * 7 % model.config.vocabSize);
  const calibration = { ids, samples: 2, seqLen: 32, tokens: 64, source: "made up", documents: 1 };
  const error = await rejection(async () => {
    const quantized = await quantizeInMemory({ model, backend, plugins: [make()], calibration });
    quantized.model[Symbol.dispose]();
  });
  const named = error instanceof SalientError && error.tensor?.includes(NAN_LINEAR);
  if (!named) throw wrong(`A NaN weight of ${NAN_LINEAR} must be refused by name`, error);
}

/** Each of the plugins is refused when it is made or in `setup`, before any work. */
export async function checkRefusals(
  refused: readonly (() => Plugin)[],
  makeBackend: MakeBackend,
): Promise<void> {
  await using synthetic = await openSynthetic(makeBackend);
  for (const [i, make] of refused.entries()) {
    const error = await rejection(async () => {
      const { name, apiVersion, setup } = make();
      // Only its setup: what is refused later is refused too late.
      await runPlugin(synthetic.model, {
        name,
        apiVersion,
        ...(setup === undefined ? {} : { setup }),
      });
    });
    const right = error instanceof SalientError &&
      (error.code === "usage" || error.code === "input");
    if (!right) throw wrong(`Wrong options number ${i + 1} must be refused before any work`, error);
  }
}

async function rejection(action: () => Promise<void>): Promise<unknown> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return error;
  }
}

function wrong(rule: string, found: unknown): SalientError {
  const but = found === undefined ? "but nothing was thrown" : `but this was thrown: ${found}`;
  return new SalientError("plugin", `${rule}, ${but}`, { cause: found });
}
