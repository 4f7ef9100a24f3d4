/**
 * Names of folders and libraries on each system.
 *
 * @module
 */

/** Name of the folder that holds the libraries of a system, as `linux-x86_64`. */
export function platformName(os: string = Deno.build.os, arch: string = Deno.build.arch): string {
  return `${os === "darwin" ? "macos" : os}-${arch}`;
}

/** File name of a library on a system, as `libsalient_cpu.so`. */
export function libraryFileName(backend: string, os: string = Deno.build.os): string {
  if (os === "windows") return `salient_${backend}.dll`;
  return `libsalient_${backend}.${os === "darwin" ? "dylib" : "so"}`;
}

/** File name of the manifest beside a prebuilt library. */
export function manifestFileName(backend: string): string {
  return backend === "cpu" ? "manifest.json" : `manifest_${backend}.json`;
}
