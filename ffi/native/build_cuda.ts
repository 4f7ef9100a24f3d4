/**
 * Builds the CUDA library with nvcc, or the emulated one for tests with g++ alone.
 *
 *     deno task build:native --cuda               into ffi/native/build/<os>-<arch>/libsalient_cuda.so
 *     deno task build:native --cuda --prebuilt    also into ffi/native/prebuilt/, with a manifest
 *     deno task build:native --cuda --arch 90a    for one architecture, quickly
 *     deno task build:native --emulated           libsalient_cuda_emulated.so, which tests open
 *     deno task build:native --emulated --sanitize   the same with the address sanitizer
 *
 * @module
 */

import { abiVersion, type Manifest, NATIVE_ROOT, sha256 } from "./build_plan.ts";
import {
  CUDA_ARCHITECTURES,
  CUDA_HOST_FLAGS,
  CUDA_LINK_FLAGS,
  cudaFiles,
  cudaSourceHash,
  EMULATED_FLAGS,
  emulatedFiles,
  kernelFlags,
} from "./cuda_plan.ts";
import { compileSources } from "./compile_sources.ts";
import { libraryFileName, manifestFileName, platformName } from "./platform.ts";
import { MOST_STACK_BYTES, readPtxasReport } from "./ptxas_report.ts";
import { runTool } from "./run_tool.ts";

/** The largest library that is committed. */
const MOST_BYTES = 12 * 2 ** 20;
const ADDRESS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1"];

/** What to build. */
export interface CudaBuild {
  /** The one for tests, without nvcc. */
  readonly emulated: boolean;
  /** With the address and undefined behaviour sanitizers (emulated only). */
  readonly sanitize: boolean;
  /** Also to `prebuilt/`. */
  readonly prebuilt: boolean;
  /** Architectures instead of all. */
  readonly architectures: readonly string[] | undefined;
}

function place(from: string, to: string): void {
  const target = new URL(to, NATIVE_ROOT);
  Deno.mkdirSync(new URL("./", target), { recursive: true });
  const temporary = new URL(`${to}.new`, NATIVE_ROOT);
  Deno.copyFileSync(new URL(from, NATIVE_ROOT), temporary);
  Deno.renameSync(temporary, target);
}

async function buildEmulated(sanitize: boolean): Promise<void> {
  const extra = sanitize ? ADDRESS : [];
  const folder = `build/cuda-emulated${sanitize ? "-address" : ""}`;
  const objects = await compileSources({
    files: emulatedFiles(),
    folder,
    command: () => ["g++", ...EMULATED_FLAGS, ...extra, "-x", "c++", "-c"],
  });
  const name = libraryFileName("cuda_emulated");
  await runTool("g++", [
    "-shared",
    "-pthread",
    ...extra,
    ...objects,
    "-Wl,-z,nodelete",
    ...(sanitize ? [] : ["-Wl,-z,defs"]),
    "-o",
    `${folder}/${name}`,
  ]);
  const into = sanitize ? folder : `build/${platformName()}`;
  if (!sanitize) place(`${folder}/${name}`, `${into}/${name}`);
  console.log(`Built ffi/native/${into}/${name}`);
}

async function writePrebuilt(library: string, hash: string): Promise<void> {
  const { stdout } = await new Deno.Command("nvcc", { args: ["--version"] }).output();
  const version = /release ([\d.]+), V([\d.]+)/.exec(new TextDecoder().decode(stdout));
  const bytes = Deno.readFileSync(new URL(library, NATIVE_ROOT));
  if (bytes.length > MOST_BYTES) {
    console.error(`${library} has ${bytes.length} bytes, more than ${MOST_BYTES}: not committed`);
    Deno.exit(1);
  }
  const manifest: Manifest = {
    abiVersion: abiVersion(),
    sourceHash: hash,
    sha256: await sha256(bytes),
    compiler: `nvcc ${version?.[2] ?? "unknown"}`,
    flags: [...kernelFlags(CUDA_ARCHITECTURES), ...CUDA_LINK_FLAGS],
  };
  const folder = `prebuilt/${platformName()}`;
  place(library, `${folder}/${libraryFileName("cuda")}`);
  Deno.writeTextFileSync(
    new URL(`${folder}/${manifestFileName("cuda")}`, NATIVE_ROOT),
    JSON.stringify(manifest, null, 2) + "\n",
  );
  console.log(`Wrote ffi/native/${folder}/${libraryFileName("cuda")} (${bytes.length} bytes)`);
}

/** Says what the compilers warned of and which kernels have a stack; ends the program where one has too much of it. */
function checkResources(objects: readonly string[]): void {
  let much = false;
  for (const object of objects) {
    const text = Deno.readTextFileSync(new URL(`${object}.txt`, NATIVE_ROOT));
    for (const line of text.split("\n")) {
      if (/\b(warning|error)\b/i.test(line)) console.error(line);
    }
    for (const kernel of readPtxasReport(text).filter(({ stackBytes }) => stackBytes > 0)) {
      const { architecture, stackBytes, spillBytes, registers } = kernel;
      console.error(
        `${kernel.kernel} (${architecture}): ${stackBytes} bytes of stack, ${spillBytes} of them spilled, ${registers} registers`,
      );
      much ||= stackBytes > MOST_STACK_BYTES;
    }
  }
  if (!much) return;
  console.error(`Kernels may have at most ${MOST_STACK_BYTES} bytes of stack (ptxas_report.ts)`);
  Deno.exit(1);
}

/** Builds what is asked for; ends the program where a compiler fails. */
export async function buildCuda(options: CudaBuild): Promise<void> {
  if (options.emulated) return await buildEmulated(options.sanitize);
  const architectures = options.architectures ?? CUDA_ARCHITECTURES;
  // Hashed before the compilers read them: a source that changes meanwhile shows up in the check.
  const hash = await cudaSourceHash();
  const folder = `build/cuda-${architectures.join("-")}`;
  const objects = await compileSources({
    files: cudaFiles(),
    folder,
    command: (source) =>
      source.endsWith(".cu")
        ? ["nvcc", ...kernelFlags(architectures), "-Xptxas=-v", "-c"]
        : ["g++", ...CUDA_HOST_FLAGS, "-c"],
    reports: true,
  });
  checkResources(objects);
  const name = libraryFileName("cuda");
  await runTool("nvcc", [...objects, ...CUDA_LINK_FLAGS, "-o", `${folder}/${name}`]);
  place(`${folder}/${name}`, `build/${platformName()}/${name}`);
  console.log(`Built ffi/native/build/${platformName()}/${name} for ${architectures.join(", ")}`);
  if (options.prebuilt) await writePrebuilt(`${folder}/${name}`, hash);
}

/** Whether the committed library is that of its manifest and made from the sources; says so. */
export async function checkCuda(): Promise<boolean> {
  const folder = "prebuilt/linux-x86_64";
  const text = Deno.readTextFileSync(
    new URL(`${folder}/${manifestFileName("cuda")}`, NATIVE_ROOT),
  );
  const manifest = JSON.parse(text) as Manifest;
  const name = libraryFileName("cuda", "linux");
  const library = Deno.readFileSync(new URL(`${folder}/${name}`, NATIVE_ROOT));
  const good = manifest.sourceHash === await cudaSourceHash() &&
    manifest.sha256 === await sha256(library);
  if (good) console.log(`ffi/native/${folder}/${name}: made from these sources`);
  else {
    console.error(
      `ffi/native/${folder}/${name}: not made from these sources, run deno task build:native --cuda --prebuilt`,
    );
  }
  return good;
}
