/**
 * What the native build is made of: sources, flags, and the hash that a prebuilt library is held against.
 *
 * @module
 */

/** The folder of the native sources. */
export const NATIVE_ROOT: URL = new URL("./", import.meta.url);

/** What is written beside a prebuilt library. */
export interface Manifest {
  /** Version of the C interface that the library answers with. */
  readonly abiVersion: number;
  /** SHA-256 over the sources and the flags that it was made from. */
  readonly sourceHash: string;
  /** SHA-256 of the library itself. */
  readonly sha256: string;
  /** Name and version of the compiler. */
  readonly compiler: string;
  /** Flags of the sources without an instruction set of their own, then those of linking. */
  readonly flags: readonly string[];
}

const COMPILE_FLAGS = [
  "-O3",
  "-std=c++20",
  "-fPIC",
  "-fvisibility=hidden",
  // One result on every instruction set, unless a kernel asks for a fused multiply-add itself.
  "-ffp-contract=off",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-pthread",
  "-Wall",
  "-Wextra",
];

/** Flags of linking. The library stays in memory once opened: its threads may be asleep in it. */
export const LINK_FLAGS: readonly string[] = [
  "-shared",
  "-static-libstdc++",
  "-static-libgcc",
  "-pthread",
  "-s",
  "-Wl,--build-id=none",
  "-Wl,-z,defs",
  "-Wl,-z,nodelete",
  "-Wl,--exclude-libs,ALL",
];

const AVX2 = ["-mavx2", "-mfma", "-mf16c"];
const AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", ...AVX2];

/** Flags of the compiler for a source, by the instruction set in its name. */
export function compileFlags(source: string): string[] {
  if (source.endsWith("_avx2.cpp")) return [...COMPILE_FLAGS, ...AVX2];
  if (source.endsWith("_avx512.cpp")) return [...COMPILE_FLAGS, ...AVX512];
  if (source.endsWith("_avx512bf16.cpp")) return [...COMPILE_FLAGS, ...AVX512, "-mavx512bf16"];
  return [...COMPILE_FLAGS];
}

/** Paths of the sources and headers below `ffi/native/`, sorted. */
export function sourceFiles(): string[] {
  const inside = [...Deno.readDirSync(new URL("cpu/", NATIVE_ROOT))]
    .filter((entry) => entry.isFile && /\.(cpp|h)$/.test(entry.name))
    .map((entry) => `cpu/${entry.name}`);
  return ["salient.h", ...inside].sort();
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** SHA-256 over every source with its name and flags, and the flags of linking. */
export async function sourceHash(): Promise<string> {
  const parts: string[] = [LINK_FLAGS.join(" ")];
  for (const path of sourceFiles()) {
    const text = Deno.readFileSync(new URL(path, NATIVE_ROOT));
    const flags = path.endsWith(".cpp") ? compileFlags(path).join(" ") : "";
    parts.push(`${path}\n${flags}\n${await sha256(text)}`);
  }
  return await sha256(new TextEncoder().encode(parts.join("\n")));
}

/** The ABI version that `salient.h` declares. */
export function abiVersion(): number {
  const header = Deno.readTextFileSync(new URL("salient.h", NATIVE_ROOT));
  return Number(/#define SALIENT_ABI_VERSION (\d+)/.exec(header)?.[1]);
}
