/**
 * The cases about what a plugin makes of a model.
 *
 * @module
 */

import type { Backend } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { maxCode } from "../grid.ts";
import type { Plugin } from "../plugin.ts";
import { openSynthetic } from "./open_synthetic.ts";
import { type LinearOutcome, type PluginOutcome, runPlugin } from "./run_plugin.ts";
import type { SyntheticModel } from "./synthetic_model.ts";

/** Makes a backend. */
export type MakeBackend = () => Backend | Promise<Backend>;

/** Largest relative change of what a block adds to its input. */
const CHANGE_ALLOWED = 1e-4;

/** Largest relative change of the logits: embedding and head are stored in bf16 after a rotation. */
const LOGIT_CHANGE_ALLOWED = 2e-2;

/** Every transform keeps what a block, and the model, computes. */
export async function checkFunction(
  make: () => Plugin,
  makeBackend: MakeBackend,
  kind: SyntheticModel,
): Promise<void> {
  const { change, logitChange } = await outcomeOf(make, makeBackend, kind);
  if (!(logitChange <= LOGIT_CHANGE_ALLOWED)) {
    fail(
      `The model computes something else after transformModel: relative change of the logits ` +
        `${logitChange.toExponential(1)} where ${LOGIT_CHANGE_ALLOWED} is allowed`,
    );
  }
  // Written so that NaN fails.
  if (change <= CHANGE_ALLOWED) return;
  fail(
    `The block computes something else after transformBlock: relative change ` +
      `${change.toExponential(1)} where ${CHANGE_ALLOWED} is allowed`,
  );
}

/** Integers, scales and zero points are on the grid that the plugin names. */
export async function checkGridBounds(
  make: () => Plugin,
  makeBackend: MakeBackend,
  kind: SyntheticModel,
): Promise<void> {
  const { linears } = await outcomeOf(make, makeBackend, kind);
  for (const linear of linears) checkBounds(linear);
}

/** Two runs give the same bytes. */
export async function checkDeterminism(
  make: () => Plugin,
  makeBackend: MakeBackend,
): Promise<void> {
  const first = await outcomeOf(make, makeBackend, {});
  const second = await outcomeOf(make, makeBackend, {});
  if (first.linears.length !== second.linears.length) {
    fail("Another number of linears was quantized in a second run");
  }
  for (const [i, a] of first.linears.entries()) {
    const b = second.linears[i];
    const same = b !== undefined && a.name === b.name && equal(a.codes, b.codes) &&
      equal(a.zeros, b.zeros) && equal(a.scales, b.scales);
    if (!same) fail(`A second run quantized ${a.name} differently: use ctx.random`, a.name);
  }
}

/** All tensors that the plugin made are freed, or handed to the pipeline. */
export async function checkMemory(make: () => Plugin, makeBackend: MakeBackend): Promise<void> {
  await using synthetic = await openSynthetic(makeBackend);
  const { model, backend } = synthetic;
  await runPlugin(model, make()); // what a model builds once and keeps is there from now on
  const before = backend.allocatedBytes();
  await runPlugin(model, make());
  const left = backend.allocatedBytes() - before;
  if (left > 0) fail(`${left} bytes of tensors are left behind: declare them with using`);
}

async function outcomeOf(
  make: () => Plugin,
  makeBackend: MakeBackend,
  kind: SyntheticModel,
): Promise<PluginOutcome> {
  await using synthetic = await openSynthetic(makeBackend, kind);
  return await runPlugin(synthetic.model, make());
}

function checkBounds({ name, grid, codes, scales, zeros }: LinearOutcome): void {
  const most = maxCode(grid);
  const code = codes.find((value) => value > most);
  if (code !== undefined) fail(`The integer ${code} of ${name} is above ${most}`, name);
  const zero = zeros.find((value) => value > most);
  if (zero !== undefined) fail(`The zero point ${zero} of ${name} is above ${most}`, name);
  const middle = 2 ** (grid.bits - 1);
  if (grid.symmetric && zeros.some((value) => value !== middle)) {
    fail(`A zero point of ${name} is not ${middle} though its grid is symmetric`, name);
  }
  for (const scale of scales) {
    if (!(scale > 0 && scale < Infinity)) fail(`The scale ${scale} of ${name} is no scale`, name);
    if (rounded(scale, grid.scaleDtype) !== scale) {
      fail(`The scale ${scale} of ${name} is not rounded to ${grid.scaleDtype}`, name);
    }
  }
}

function rounded(scale: number, dtype: "F16" | "BF16" | "F32"): number {
  if (dtype === "F32") return Math.fround(scale);
  if (dtype === "F16") return Math.f16round(scale);
  const [word = 0] = new Uint32Array(Float32Array.of(scale).buffer);
  return (word & 0xffff) === 0 ? scale : NaN;
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function fail(message: string, tensor?: string): never {
  throw new SalientError("plugin", message, tensor === undefined ? {} : { tensor });
}
