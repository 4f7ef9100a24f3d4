/**
 * A backend made of a native library.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import type { NativeLibrary } from "../library.ts";
import { compensationOps } from "./compensation_ops.ts";
import { gradientOps } from "./gradient_ops.ts";
import { layerOps } from "./layer_ops.ts";
import { NativeFile } from "./native_file.ts";
import { packingOps } from "./packing_ops.ts";
import { stepRecorder } from "./record_step.ts";
import { quantizationOps } from "./quantization_ops.ts";
import { rowOps } from "./row_ops.ts";
import { NativeSession } from "./session.ts";
import { statisticsOps } from "./statistics_ops.ts";
import { tensorOps } from "./tensor_ops.ts";

/** What the library behind a backend can do. */
export interface NativeBackendOptions {
  /** It records steps of decoding. Default: false. */
  readonly recordsSteps?: boolean;
}

/** Makes the backend; disposing it frees everything it made and closes the library. */
export function createNativeBackend(
  name: string,
  library: NativeLibrary,
  options: NativeBackendOptions = {},
): Backend {
  const session = new NativeSession(library);
  function memory(operation: string): Float64Array {
    const reals = new Float64Array(4);
    session.unwrap(session.symbols.salient_memory(reals), operation);
    return reals;
  }
  return {
    name,
    detail: `${library.describe()}, ${library.location.origin}`,
    ...tensorOps(session),
    ...layerOps(session),
    ...rowOps(session),
    ...statisticsOps(session),
    ...quantizationOps(session),
    ...compensationOps(session),
    ...gradientOps(session),
    ...packingOps(session),
    ...options.recordsSteps === true ? { recordStep: stepRecorder(session) } : {},
    mapFile: (path) => new NativeFile(session, path),
    allocatedBytes: () => session.allocatedBytes(),
    peakRssBytes: () => memory("peakRssBytes")[1] ?? 0,
    peakDeviceBytes: () => name === "cpu" ? undefined : memory("peakDeviceBytes")[3],
    trim: () => session.unwrap(session.symbols.salient_trim(), "trim"),
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}
