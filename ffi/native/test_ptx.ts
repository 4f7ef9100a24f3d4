/**
 * Runs the PTX that nvcc makes of the CUDA kernels, in an interpreter on the host (`cuda/tests/ptx`): the kernels' own
 * tests, then those of the whole library against the reference backend. Needs nvcc and g++, no GPU.
 *
 *     deno task test:native:ptx                     compute_80, then compute_90a
 *     deno task test:native:ptx --arch 90a          one of them
 *     deno task test:native:ptx --seed 7            another order of blocks, warps, lanes and copies
 *     deno task test:native:ptx --kernels           without the tests of the library
 *
 * @module
 */

import { parseArgs } from "node:util";
import { filesOf, NATIVE_ROOT } from "./build_plan.ts";
import { compileSources } from "./compile_sources.ts";
import { EMULATED_FLAGS, emulatedFiles, kernelFlags } from "./cuda_plan.ts";
import { libraryFileName, platformName } from "./platform.ts";
import { runTool } from "./run_tool.ts";

const FOLDER = "build/ptx";
/** Calls of kernels go to the interpreter; a kernel's host body is not run, but must be told from others. */
const HOST_FLAGS = [...EMULATED_FLAGS, "-DSALIENT_PTX", "-fno-ipa-icf", "-x", "c++", "-c"];
const INTERPRETER_FLAGS = ["-march=native", "-frounding-math"];
/** Tests whose kernels have a body on compute capability 9.0 alone. */
const HOPPER_TEST = /\/wgmma/;

function hasNvcc(): boolean {
  try {
    return new Deno.Command("nvcc", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function textOf(path: string): string {
  return Deno.readTextFileSync(new URL(path, NATIVE_ROOT));
}

/** The PTX of everything that has kernels; returns its folder. */
async function compilePtx(arch: string): Promise<string> {
  const sources = [
    ...["cuda", "cuda/kernels"].flatMap((folder) => filesOf(folder, /\.cu$/)),
    ...filesOf("cuda/tests", /_test\.cpp$/).filter((path) =>
      /__global__|"\.\.\/bench\//.test(textOf(path))
    ),
  ];
  const folder = `${FOLDER}/${arch}`;
  await compileSources({
    files: sources,
    folder,
    ending: ".ptx",
    command: () => ["nvcc", ...kernelFlags([]), `-arch=compute_${arch}`, "-x", "cu", "-ptx"],
  });
  return folder;
}

/** The library and the tests, with the interpreter; returns the tests' programs. */
async function compileHost(): Promise<string[]> {
  const interpreter = filesOf("cuda/tests/ptx", /\.cpp$/);
  const tests = [...filesOf("cuda/tests", /_test\.cpp$/), "cuda/tests/ptx/interpreter_test.cpp"];
  const library = [...emulatedFiles(), ...interpreter.filter((path) => !tests.includes(path))];
  const command = (path: string) => [
    "g++",
    ...HOST_FLAGS,
    ...(interpreter.includes(path) ? INTERPRETER_FLAGS : []),
    ...(path.endsWith(".cu") ? ["-O0"] : []),
  ];
  const objects = await compileSources({ files: library, folder: FOLDER, command });
  const testObjects = await compileSources({ files: tests, folder: FOLDER, command });
  const file = `build/${platformName()}/${libraryFileName("cuda_ptx")}`;
  Deno.mkdirSync(new URL(`build/${platformName()}/`, NATIVE_ROOT), { recursive: true });
  await runTool("g++", ["-shared", ...objects, "-pthread", "-Wl,-z,nodelete,-z,defs", "-o", file]);
  const programs: string[] = [];
  for (const object of testObjects) {
    const program = object.replace(/\.cpp\.o$/, "");
    await runTool("g++", [object, ...objects, "-pthread", "-o", program]);
    programs.push(program);
  }
  return programs;
}

/** What the programs have written of the kernels: which have run, and how many of their instructions. */
function printCoverage(arch: string, report: string): void {
  const kernels = new Map<string, { file: string; reached: number; size: number }>();
  for (const line of textOf(report).trimEnd().split("\n")) {
    const [name = "", file = "", reached, size] = line.split(" ");
    const before = kernels.get(`${file} ${name}`)?.reached ?? 0;
    kernels.set(`${file} ${name}`, {
      file,
      reached: Math.max(before, Number(reached)),
      size: Number(size),
    });
  }
  const all = [...kernels.values()], sum = (numbers: number[]) => numbers.reduce((a, b) => a + b);
  const run = all.filter(({ reached }) => reached > 0);
  console.log(
    `PTX of compute_${arch}: ${run.length} of ${all.length} kernels ran, ` +
      `${sum(all.map(({ reached }) => reached))} of their ${
        sum(all.map(({ size }) => size))
      } instructions`,
  );
  for (const [name, { reached }] of kernels) if (reached === 0) console.log(`  not run: ${name}`);
}

async function testArchitecture(
  arch: string,
  programs: readonly string[],
  seed: string,
  onlyKernels: boolean,
): Promise<void> {
  const started = performance.now();
  const folder = await compilePtx(arch);
  const report = `${FOLDER}/report_${arch}.txt`;
  Deno.writeTextFileSync(new URL(report, NATIVE_ROOT), "");
  const path = (name: string) => decodeURIComponent(new URL(name, NATIVE_ROOT).pathname);
  const env = {
    SALIENT_PTX: path(folder),
    SALIENT_PTX_SEED: seed,
    SALIENT_PTX_REPORT: path(report),
  };
  for (const program of programs) {
    if (HOPPER_TEST.test(program.replaceAll("-", "/")) && arch !== "90a") continue;
    await runTool(`./${program}`, [], env);
  }
  if (!onlyKernels) {
    const args = [
      "test",
      "--quiet",
      "--allow-read",
      "--allow-write",
      "--allow-ffi=ffi/native/build",
      "tests/ffi/cuda/ptx_parity.ts",
    ];
    const root = new URL("../../", NATIVE_ROOT);
    const { success } = await new Deno.Command("deno", { args, cwd: root, env }).spawn().status;
    if (!success) Deno.exit(1);
  }
  printCoverage(arch, report);
  console.log(`compute_${arch}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      arch: { type: "string", multiple: true },
      seed: { type: "string" },
      kernels: { type: "boolean" },
    },
  });
  if (!hasNvcc()) {
    console.log("test:native:ptx is skipped: nvcc is not installed");
    return;
  }
  const programs = await compileHost();
  for (const arch of values.arch ?? ["80", "90a"]) {
    await testArchitecture(arch, programs, values.seed ?? "0", values.kernels ?? false);
  }
}

if (import.meta.main) await main(Deno.args);
