/**
 * The reference backend: plain TypeScript, slow and simple. It serves where no native library can be
 * loaded, and the other backends are tested against it.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import { allocator } from "./allocate.ts";
import { check } from "./checks.ts";
import { openFile } from "./mapped_file.ts";
import { modelOps } from "./model_ops.ts";
import { quantizationOps } from "./quantization_ops.ts";
import { statisticsOps } from "./statistics_ops.ts";
import { MemoryMeter } from "./storage.ts";
import { tensorOps } from "./tensor_ops.ts";

/**
 * Makes a reference backend. Sums are in fp64 and results in fp32. Tensors outlive the backend, but
 * no more can be made once it is disposed.
 */
export function createReferenceBackend(): Backend {
  const meter = new MemoryMeter();
  let disposed = false;
  const allocateCounted = allocator(meter);
  const allocate: typeof allocateCounted = (dtype, shape) => {
    check(!disposed, "The reference backend was used after it was disposed");
    return allocateCounted(dtype, shape);
  };
  return {
    name: "reference",
    detail: "plain TypeScript, one thread",
    ...tensorOps(allocate),
    ...modelOps(allocate),
    ...statisticsOps(allocate),
    ...quantizationOps(allocate),
    mapFile: openFile,
    peakRssBytes: () => meter.peak(),
    allocatedBytes: () => meter.allocated,
    trim: () => {},
    [Symbol.dispose]: () => {
      disposed = true;
    },
  };
}
