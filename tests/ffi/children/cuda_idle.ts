/**
 * Asks the emulated CUDA library, idle, for a product, and prints what comes back of it.
 *
 * @module
 */

import { createCudaBackend } from "../../../ffi/cuda/cuda_backend.ts";

using backend = createCudaBackend({ library: "cuda_emulated" });
using w = backend.upload(new Float32Array(128 * 64).fill(2), "F32", [128, 64]);
using x = backend.upload(new Float32Array(32 * 64).fill(3), "F32", [32, 64]);
using y = await backend.linear(x, w);
console.log(JSON.stringify({
  first: backend.download(y)[0],
  device: backend.peakDeviceBytes(),
}));
