/**
 * What a CUDA device is.
 *
 * @module
 */

import type { NativeLibrary } from "../library.ts";

/** A CUDA device, as `salient doctor` shows it. */
export interface CudaDevice {
  /** Its number, from 0. */
  readonly index: number;
  /** Its name, for example `NVIDIA H100 80GB HBM3`. */
  readonly name: string;
  /** Compute capability, for example `9.0`. */
  readonly computeCapability: string;
  /** Bytes of its memory. */
  readonly memoryBytes: number;
  /** Bytes of it that were free. */
  readonly freeBytes: number;
  /** Latest CUDA version of the driver, for example `13.0`. */
  readonly driver: string;
  /** CUDA version of the library. */
  readonly runtime: string;
}

/** Asks an open library for a device and for their number; a backend error where it does not answer. */
export function readDevice(
  library: NativeLibrary,
  index: number,
): { device: CudaDevice; count: number } {
  const text = new Uint8Array(256);
  const reals = new Float64Array(8);
  library.unwrap(library.symbols.salient_device(index, text, text.length, reals), "device");
  const [count = 0, major = 0, minor = 0, memoryBytes = 0, freeBytes = 0, driver = 0, runtime = 0] =
    reals;
  const device = {
    index,
    name: new TextDecoder().decode(text.subarray(0, reals[7])),
    computeCapability: `${major}.${minor}`,
    memoryBytes,
    freeBytes,
    driver: version(driver),
    runtime: version(runtime),
  };
  return { device, count };
}

function version(number: number): string {
  return `${Math.floor(number / 1000)}.${Math.floor(number % 1000 / 10)}`;
}
