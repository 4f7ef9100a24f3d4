/**
 * The reference backend: plain TypeScript, slow and simple. It serves where no native library can be
 * loaded, and the other backends are tested against it.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import { allocator } from "./allocate.ts";
import { check } from "./checks.ts";
import { compensationOps } from "./compensation_ops.ts";
import { openFile } from "./mapped_file.ts";
import { modelOps } from "./model_ops.ts";
import { quantizationOps } from "./quantization_ops.ts";
import { rowOps } from "./row_ops.ts";
import { statisticsOps } from "./statistics_ops.ts";
import { MemoryMeter } from "./storage.ts";
import { tensorOps } from "./tensor_ops.ts";

/**
 * Makes a reference backend. Sums are in fp64 and results in fp32. Tensors outlive the backend, but
 * no more can be made once it is disposed.
 *
 * @example A linear layer without any native library
 * ```ts
 * import { createReferenceBackend } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using x = backend.upload(Float32Array.of(1, 2), "F32", [1, 2]);
 * using w = backend.upload(Float32Array.of(3, 4, 5, 6, 7, 8), "F32", [3, 2]);
 * using y = await backend.linear(x, w);
 * assert.deepEqual([...backend.download(y)], [11, 17, 23]);
 * ```
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
    ...rowOps(allocate),
    ...statisticsOps(allocate),
    ...quantizationOps(allocate),
    ...compensationOps(allocate),
    mapFile: openFile,
    peakRssBytes: () => meter.peak(),
    peakDeviceBytes: () => undefined,
    allocatedBytes: () => meter.allocated,
    trim: () => {},
    [Symbol.dispose]: () => {
      disposed = true;
    },
  };
}
