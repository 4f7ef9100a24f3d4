/**
 * The backends that tests of the upper rooms run on.
 *
 * @module
 */

import type { Backend } from "../core/backend.ts";
import { SalientError } from "../core/errors.ts";
import { createCpuBackend } from "../ffi/cpu/cpu_backend.ts";
import { createReferenceBackend } from "../ffi/reference/reference_backend.ts";

/** A backend to test with. */
export interface TestBackend {
  /** Its name. */
  readonly name: string;
  /** Makes one. The caller disposes it. */
  create(): Backend | Promise<Backend>;
}

/** The reference, and the CPU library where it opens (its own tests say so where it should). */
export function testBackends(): readonly TestBackend[] {
  const reference = { name: "reference", create: () => createReferenceBackend() };
  const cpu = { name: "cpu", create: () => createCpuBackend() };
  try {
    using _opened = cpu.create();
  } catch (error) {
    if (error instanceof SalientError && error.code === "backend") return [reference];
    throw error;
  }
  return [reference, cpu];
}
