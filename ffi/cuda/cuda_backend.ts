/**
 * The CUDA backend: kernels for NVIDIA GPUs behind the C interface of `ffi/native/salient.h`.
 *
 * @module
 */

import { type Backend, SalientError } from "../../core/backend.ts";
import { createNativeBackend } from "../abi/native_backend.ts";
import { type LibraryOptions, NativeLibrary } from "../library.ts";
import { type CudaDevice, readDevice } from "./cuda_device.ts";

/** How the CUDA backend runs. */
export interface CudaBackendOptions extends LibraryOptions {
  /** The device's number, from 0. One device serves a process: the first one that is opened. Default: 0. */
  device?: number;
  /** The library to open: the one that runs on a GPU, or one of those that tests run on the host. */
  library?: "cuda" | "cuda_emulated" | "cuda_ptx";
}

/**
 * Opens the CUDA library on a device. A backend error says what is missing: the library, a permission, a
 * driver, a device.
 */
export function createCudaBackend(options: CudaBackendOptions = {}): Backend {
  const { device = 0 } = options;
  checkDevice(device);
  const library = NativeLibrary.open(options.library ?? "cuda", options);
  try {
    library.unwrap(library.symbols.salient_choose_device(device), `device ${device}`);
    return createNativeBackend("cuda", library, { recordsSteps: true });
  } catch (error) {
    library[Symbol.dispose]();
    throw error;
  }
}

/** What the CUDA devices of this machine are. A backend error where none answers. */
export function listCudaDevices(options: CudaBackendOptions = {}): CudaDevice[] {
  using library = NativeLibrary.open(options.library ?? "cuda", options);
  const first = readDevice(library, 0);
  const rest = Array.from({ length: first.count - 1 }, (_, i) => readDevice(library, i + 1));
  return [first.device, ...rest.map(({ device }) => device)];
}

function checkDevice(device: number): void {
  if (Number.isInteger(device) && device >= 0 && device < 1024) return;
  throw new SalientError(
    "usage",
    `A CUDA device is a whole number from 0 to 1023 but is ${device}`,
  );
}
