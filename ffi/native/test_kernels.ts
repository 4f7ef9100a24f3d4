/**
 * Builds and runs the tests of the CUDA kernels on the host, with g++ alone: `cuda/simt.h` says how a kernel runs
 * without a GPU.
 *
 *     deno task test:native:cuda              with the address and undefined behaviour sanitizers
 *     deno task test:native:cuda --plain      without, which is faster
 *
 * @module
 */

import { NATIVE_ROOT } from "./build_plan.ts";

/** Compilers at work at the same time. */
const JOBS = 2;

const FLAGS: readonly string[] = [
  "-O1",
  "-g1",
  "-std=c++20",
  "-ffp-contract=off",
  "-DSALIENT_EMULATED",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-Wno-unknown-pragmas",
];
const SANITIZERS: readonly string[] = [
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
];

async function run(program: string, args: readonly string[]): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd: NATIVE_ROOT });
  const { success } = await command.spawn().status;
  if (success) return;
  console.error(`Failed: ${program} ${args.join(" ")}`);
  Deno.exit(1);
}

function modified(path: string): number {
  try {
    return Deno.statSync(new URL(path, NATIVE_ROOT)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

function filesOf(folder: string, names: RegExp): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, NATIVE_ROOT))]
    .filter((entry) => entry.isFile && names.test(entry.name))
    .map((entry) => `${folder}/${entry.name}`)
    .sort();
}

/** Compiles what is older than its source or any header; returns the objects. */
async function compile(
  sources: readonly string[],
  folder: string,
  flags: readonly string[],
): Promise<string[]> {
  const headers = ["cuda", "cuda/kernels", "cuda/emulated", "cuda/bench", "cuda/tests"]
    .flatMap((each) => filesOf(each, /\.h$/));
  const newest = Math.max(...[...headers, "test_kernels.ts"].map(modified));
  const objectOf = (source: string) => `${folder}/${source.replaceAll("/", "_")}.o`;
  const stale = sources.filter((source) =>
    modified(objectOf(source)) <= Math.max(newest, modified(source))
  );
  async function work(): Promise<void> {
    for (let source = stale.shift(); source !== undefined; source = stale.shift()) {
      await run("g++", [...flags, "-x", "c++", "-c", source, "-o", objectOf(source)]);
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work));
  return sources.map(objectOf);
}

async function main(args: readonly string[]): Promise<void> {
  if (args.some((arg) => arg !== "--plain")) {
    console.error(`Unknown option ${args.find((arg) => arg !== "--plain")}: use --plain`);
    Deno.exit(2);
  }
  const sanitizers = args.includes("--plain") ? [] : SANITIZERS;
  const folder = `build/kernels${sanitizers.length > 0 ? "-address" : ""}`;
  Deno.mkdirSync(new URL(`${folder}/`, NATIVE_ROOT), { recursive: true });
  const flags = [...FLAGS, ...sanitizers];
  const sources = [
    ...filesOf("cuda/kernels", /\.cu$/),
    "cuda/products.cu",
    "cuda/emulated/simt.cpp",
    "cuda/emulated/emulated_memory.cpp",
  ];
  const tests = filesOf("cuda/tests", /_test\.cpp$/);
  const objects = await compile([...sources, ...tests], folder, flags);
  for (const [i, test] of tests.entries()) {
    const program = `${folder}/${test.replace(/^.*\//, "").replace(/\.cpp$/, "")}`;
    const parts = [...objects.slice(0, sources.length), objects[sources.length + i] ?? ""];
    await run("g++", [...sanitizers, ...parts, "-pthread", "-o", program]);
    console.log(`Running ${test}${sanitizers.length > 0 ? " (address sanitizer)" : ""}`);
    await run(`./${program}`, []);
  }
}

if (import.meta.main) await main(Deno.args);
