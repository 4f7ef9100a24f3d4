/**
 * Says which backends can be used here, and why the others cannot.
 *
 * @module
 */

import { SalientError } from "../core/backend.ts";
import { type BackendName, openBackend } from "./open_backend.ts";
import { ABI_VERSION } from "./symbols.ts";

/** One backend, as `salient doctor` shows it. */
export interface BackendProbe {
  /** Its name. */
  readonly name: Exclude<BackendName, "auto">;
  /** Whether it can be used. */
  readonly available: boolean;
  /** Version of its native interface; `"-"` where it has none or cannot be used. */
  readonly version: string;
  /** What it is, or why it cannot be used. */
  readonly detail: string;
}

const NAMES: readonly BackendProbe["name"][] = ["cuda", "cpu", "reference"];

async function probe(name: BackendProbe["name"]): Promise<BackendProbe> {
  try {
    using backend = await openBackend(name);
    const version = name === "reference" ? "-" : `ABI ${ABI_VERSION}`;
    return { name, available: true, version, detail: backend.detail };
  } catch (error) {
    if (!(error instanceof SalientError)) throw error;
    return { name, available: false, version: "-", detail: error.message };
  }
}

/** Opens each backend and closes it again, best first. Errors become the detail of the answer. */
export async function probeBackends(): Promise<BackendProbe[]> {
  return await Promise.all(NAMES.map(probe));
}
