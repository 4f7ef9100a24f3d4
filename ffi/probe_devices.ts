/**
 * Says which GPUs answer.
 *
 * @module
 */

import { SalientError } from "../core/backend.ts";
import { listCudaDevices } from "./cuda/cuda_backend.ts";
import type { CudaDevice } from "./cuda/cuda_device.ts";

/** The CUDA devices of this machine; none where no driver or no library answers. */
export function probeDevices(): CudaDevice[] {
  try {
    return listCudaDevices();
  } catch (error) {
    if (!(error instanceof SalientError)) throw error;
    return [];
  }
}
