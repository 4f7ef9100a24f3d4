/**
 * The suite that every plugin should pass.
 *
 * @module
 */

import type { Backend } from "../backend.ts";
import type { Plugin } from "../plugin.ts";
import { checkCancellation } from "./check_cancellation.ts";
import { checkDeterminism, checkFunction, checkGridBounds, checkMemory } from "./check_outcome.ts";
import { checkNanWeight, checkRefusals } from "./check_refusals.ts";

/** What the suite needs besides the plugin. */
export interface ConformanceOptions {
  /** Makes a backend for a case, which disposes it. */
  readonly backend: () => Backend | Promise<Backend>;
  /**
   * Plugins with wrong options, each of which must be refused: when it is made or in its `setup`, by a
   * `SalientError` with the code `usage` or `input`. The model's linears have 128 and 256 inputs.
   */
  readonly refused?: readonly (() => Plugin)[];
}

/** One case, for any test runner: it fails by rejecting. */
export interface ConformanceCase {
  /** What must hold. */
  readonly name: string;
  /** Tries it. */
  run(): Promise<void>;
}

/**
 * The cases of the conformance suite for a plugin, on small models made from a seed.
 *
 * They check that transforms, rotations among them, keep what the model computes, with and without grouped queries and
 * with biases;
 * that integers, scales and zero points are on the plugin's grid; that two runs give the same; that channels no
 * token uses, groups of zeros and groups of one value do no harm; that a NaN weight and wrong options are
 * refused; that an interruption is obeyed; and that no tensor is left behind. The cases need permission to write a
 * temporary directory.
 *
 * @param make Makes the plugin, whose group size must divide 128.
 *
 * @example In a test file: `for (const { name, run } of cases) Deno.test(name, run)`
 * ```ts
 * import { createReferenceBackend } from "@salient/quant";
 * import { rtn } from "@salient/quant/plugins/rtn";
 * import { conformance } from "@salient/quant/testing";
 *
 * const cases = conformance(() => rtn({ groupSize: 32 }), {
 *   backend: createReferenceBackend,
 *   refused: [() => rtn({ bits: 1 }), () => rtn({ groupSize: 48 })],
 * });
 * for (const { run } of cases) await run();
 * ```
 */
export function conformance(make: () => Plugin, options: ConformanceOptions): ConformanceCase[] {
  const { backend, refused = [] } = options;
  const cases: [string, () => Promise<void>][] = [
    ["keeps what the model computes", () => checkFunction(make, backend, { kvHeads: 4 })],
    ["keeps it under grouped queries", () => checkFunction(make, backend, { kvHeads: 2 })],
    ["keeps it with dead channels", () => checkFunction(make, backend, { oddity: "dead" })],
    ["stays on its grid", () => checkGridBounds(make, backend, {})],
    ["stays on it with dead channels", () => checkGridBounds(make, backend, { oddity: "dead" })],
    ["gives the same twice", () => checkDeterminism(make, backend)],
    ["leaves no tensor behind", () => checkMemory(make, backend)],
    ["does not hide a NaN weight", () => checkNanWeight(make, backend)],
    ["refuses wrong options", () => checkRefusals(refused, backend)],
    ["stops when it is interrupted", () => checkCancellation(make, backend)],
  ];
  return cases.map(([name, run]) => ({ name, run }));
}
