/**
 * What the CUDA library is made of: sources, flags, and the hash that a prebuilt library is held against.
 *
 * The same sources make two libraries. nvcc makes the one that runs on a GPU. g++ alone makes the emulated one,
 * for tests without a GPU: `cuda/simt.h` says how a kernel runs on the host.
 *
 * @module
 */

import { filesOf, NATIVE_ROOT, sha256 } from "./build_plan.ts";

/** Architectures that the library is compiled for; the last one also as PTX, for what follows. */
export const CUDA_ARCHITECTURES: readonly string[] = ["80", "86", "89", "90a", "100", "120"];

/** Flags of the host's compiler, for both libraries. */
const HOST_FLAGS: readonly string[] = [
  "-fPIC",
  "-fvisibility=hidden",
  "-ffp-contract=off",
  "-fno-math-errno",
  "-pthread",
  "-Wall",
  "-Wextra",
];

/** Flags of a source that has no kernels. */
export const CUDA_HOST_FLAGS: readonly string[] = ["-O3", "-std=c++20", ...HOST_FLAGS, "-Iabi"];

/** Flags of g++ for every source of the emulated library. */
export const EMULATED_FLAGS: readonly string[] = [
  "-O2",
  "-g1",
  "-std=c++20",
  ...HOST_FLAGS,
  "-Wno-unknown-pragmas",
  "-DSALIENT_EMULATED",
  "-Iabi",
];

/** Flags of nvcc for a source with kernels. Every operation is rounded on its own, unless a kernel says fmaf. */
export function kernelFlags(architectures: readonly string[]): string[] {
  const last = architectures.at(-1);
  return [
    "-O3",
    "-std=c++20",
    "--fmad=false",
    "-cudart=static",
    "-Xfatbin=-compress-all",
    "--diag-suppress=20012,20013,20014,20015",
    "-Iabi",
    ...architectures.flatMap((arch) => {
      const code = arch === last && !arch.endsWith("a")
        ? `[sm_${arch},compute_${arch}]`
        : `sm_${arch}`;
      return ["-gencode", `arch=compute_${arch},code=${code}`];
    }),
    `-Xcompiler=${HOST_FLAGS.join(",")}`,
  ];
}

/** Flags of nvcc for linking. The driver is looked for when the library is first used, not when it is opened. */
export const CUDA_LINK_FLAGS: readonly string[] = [
  "-shared",
  "-cudart=static",
  "-Xcompiler=-static-libstdc++,-static-libgcc,-pthread",
  "-Xlinker=-s,--build-id=none,-z,defs,-z,nodelete,--exclude-libs,ALL",
];

/** Paths of the CUDA library's sources and headers below `ffi/native/`, sorted. */
export function cudaFiles(): string[] {
  const inside = ["abi", "cuda", "cuda/kernels"]
    .flatMap((folder) => filesOf(folder, /\.(cpp|cu|h)$/));
  return ["salient.h", ...inside.filter((path) => !/emulated/.test(path))].sort();
}

/** Paths of the emulated library's sources and headers, sorted: all but what calls CUDA, and the emulation. */
export function emulatedFiles(): string[] {
  const inside = ["abi", "cuda", "cuda/kernels", "cuda/emulated"]
    .flatMap((folder) => filesOf(folder, /\.(cpp|cu|h)$/));
  return ["salient.h", ...inside.filter((path) => path !== "cuda/device.cu")].sort();
}

/** SHA-256 over the CUDA library's sources, each with its name, and all flags. */
export async function cudaSourceHash(): Promise<string> {
  const parts: string[] = [
    [...kernelFlags(CUDA_ARCHITECTURES), ...CUDA_HOST_FLAGS, ...CUDA_LINK_FLAGS].join(" "),
  ];
  for (const path of cudaFiles()) {
    parts.push(`${path}\n${await sha256(Deno.readFileSync(new URL(path, NATIVE_ROOT)))}`);
  }
  return await sha256(new TextEncoder().encode(parts.join("\n")));
}
