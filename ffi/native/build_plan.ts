/**
 * What the native build is made of: sources, flags, and the hash that a prebuilt library is held against.
 *
 * A source or header whose name ends in an instruction set (`level_avx2.cpp`, `simd_neon.h`) belongs to that
 * architecture alone; every other file belongs to all. Only the files of its architecture count for a
 * library's hash, so a change of an AVX kernel leaves the library for aarch64 as it is.
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
  "-Iabi",
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

const DOT = "-march=armv8.2-a+dotprod";

/** The architecture of an instruction set, by how its name begins. */
const ARCHITECTURES: Readonly<Record<string, string>> = { avx: "x86_64", neon: "aarch64" };

/** The only architecture that a source or header is for; undefined where it is for all of them. */
export function architectureOf(path: string): string | undefined {
  return ARCHITECTURES[/_(avx|neon)[a-z0-9]*\.(?:cpp|h)$/.exec(path)?.[1] ?? ""];
}

/** Flags of the compiler for a source, by the instruction set in its name. */
export function compileFlags(source: string): string[] {
  if (source.endsWith("_avx2.cpp")) return [...COMPILE_FLAGS, ...AVX2];
  if (source.endsWith("_avx512.cpp")) return [...COMPILE_FLAGS, ...AVX512];
  if (source.endsWith("_avx512bf16.cpp")) return [...COMPILE_FLAGS, ...AVX512, "-mavx512bf16"];
  if (source.endsWith("_neondot.cpp")) return [...COMPILE_FLAGS, DOT];
  if (source.endsWith("_neonbf16.cpp")) return [...COMPILE_FLAGS, `${DOT}+bf16`];
  return [...COMPILE_FLAGS];
}

/** Paths below `ffi/native/` of a folder's files with such names. */
export function filesOf(folder: string, names: RegExp): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, NATIVE_ROOT))]
    .filter((entry) => entry.isFile && names.test(entry.name))
    .map((entry) => `${folder}/${entry.name}`);
}

/** Paths of the sources and headers below `ffi/native/` for an architecture, sorted. */
export function sourceFiles(arch: string): string[] {
  const inside = ["abi", "cpu"]
    .flatMap((folder) => filesOf(folder, /\.(cpp|h)$/))
    .filter((path) => (architectureOf(path) ?? arch) === arch);
  return ["salient.h", ...inside].sort();
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** SHA-256 over an architecture's sources, each with its name and flags, and the flags of linking. */
export async function sourceHash(arch: string): Promise<string> {
  const parts: string[] = [LINK_FLAGS.join(" ")];
  for (const path of sourceFiles(arch)) {
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
