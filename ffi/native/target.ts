/**
 * The systems that the native library is built for.
 *
 * Linux on x86_64 and on aarch64 are built and tested. {@linkcode platformName} and
 * {@linkcode libraryFileName} also know the names of macOS and Windows, where a build has not been tried.
 *
 * @module
 */

import { platformName } from "./platform.ts";

/** A system that the library is built for, and what builds and runs programs of it here. */
export interface Target {
  /** Name of its folder, as `linux-aarch64`. */
  readonly name: string;
  /** Its operating system, as `Deno.build.os` says it. */
  readonly os: string;
  /** Its processors, as `Deno.build.arch` says it. */
  readonly arch: string;
  /** The compiler. */
  readonly compiler: string;
  /** What runs its programs, in front of the program: empty where this system does. */
  readonly runner: readonly string[];
  /** Sets of arguments of the runner to run each program with: processors to take on. */
  readonly processors: readonly (readonly string[])[];
}

/** Targets whose library is committed to `ffi/native/prebuilt/`. */
export const PREBUILT_TARGETS: readonly string[] = ["linux-x86_64", "linux-aarch64"];

/** Debian's cross compiler and qemu's user mode, with the places that Debian gives the target's libraries. */
const LINUX_AARCH64: Target = {
  name: "linux-aarch64",
  os: "linux",
  arch: "aarch64",
  compiler: "aarch64-linux-gnu-g++",
  runner: ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
  // All that there is, and a processor of the first generation: nothing newer may slip in there.
  processors: [["-cpu", "max"], ["-cpu", "cortex-a53"]],
};

/** This system. */
export function hostTarget(): Target {
  return {
    name: platformName(),
    os: Deno.build.os,
    arch: Deno.build.arch,
    compiler: "g++",
    runner: [],
    processors: [[]],
  };
}

/** The target of a name, or undefined where it cannot be built here. */
export function targetNamed(name: string): Target | undefined {
  if (name === platformName()) return hostTarget();
  return name === LINUX_AARCH64.name && Deno.build.os === "linux" ? LINUX_AARCH64 : undefined;
}

/** The programs that building (and running) for a target needs and that are not installed. */
export async function missingPrograms(target: Target): Promise<string[]> {
  const missing: string[] = [];
  for (const program of [target.compiler, ...target.runner.slice(0, 1)]) {
    try {
      await new Deno.Command(program, { args: ["--version"] }).output();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      missing.push(program);
    }
  }
  return missing;
}
