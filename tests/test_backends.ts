/**
 * The backends that tests of the upper rooms run on.
 *
 * @module
 */

import type { Backend } from "../core/backend.ts";
import { createReferenceBackend } from "../ffi/reference/reference_backend.ts";

/** A backend to test with. */
export interface TestBackend {
  /** Its name. */
  readonly name: string;
  /** Makes one. The caller disposes it. */
  create(): Backend | Promise<Backend>;
}

/** The reference. */
export function testBackends(): readonly TestBackend[] {
  return [{ name: "reference", create: () => createReferenceBackend() }];
}
