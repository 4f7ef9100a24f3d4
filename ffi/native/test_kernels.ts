/**
 * Builds and runs the tests of the CUDA kernels on the host, with g++ alone: `cuda/simt.h` says how a kernel runs
 * without a GPU.
 *
 *     deno task test:native:cuda              with the address and undefined behaviour sanitizers
 *     deno task test:native:cuda --plain      without, which is faster
 *     deno task test:native:cuda --races      with the thread sanitizer, which finds what lacks a barrier
 *
 * @module
 */

import { NATIVE_ROOT } from "./build_plan.ts";
import { emulatedFiles } from "./cuda_plan.ts";
import { modified } from "./modified.ts";
import { runTool } from "./run_tool.ts";

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
  "-Iabi",
];

/** A way of building the tests. */
interface Build {
  readonly name: string;
  readonly folder: string;
  readonly flags: readonly string[];
}
const BUILDS: Readonly<Record<string, Build>> = {
  "": {
    name: "address sanitizer",
    folder: "build/kernels-address",
    flags: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  },
  "--plain": { name: "no sanitizer", folder: "build/kernels", flags: [] },
  "--races": {
    name: "thread sanitizer",
    folder: "build/kernels-races",
    flags: ["-fsanitize=thread"],
  },
};
/** What takes turns among a block's threads tells the thread sanitizer about them, and is not itself looked at. */
const SCHEDULER = "cuda/emulated/simt.cpp";

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
  flags: (source: string) => readonly string[],
): Promise<string[]> {
  const headers = ["abi", "cuda", "cuda/kernels", "cuda/emulated", "cuda/bench", "cuda/tests"]
    .flatMap((each) => filesOf(each, /\.h$/));
  const newest = Math.max(...[...headers, "test_kernels.ts"].map(modified));
  const objectOf = (source: string) => `${folder}/${source.replaceAll("/", "_")}.o`;
  const stale = sources.filter((source) =>
    modified(objectOf(source)) <= Math.max(newest, modified(source))
  );
  async function work(): Promise<void> {
    for (let source = stale.shift(); source !== undefined; source = stale.shift()) {
      await runTool("g++", [...flags(source), "-x", "c++", "-c", source, "-o", objectOf(source)]);
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work));
  return sources.map(objectOf);
}

async function main(args: readonly string[]): Promise<void> {
  const [option = "", more] = args;
  const build = BUILDS[option];
  if (build === undefined || more !== undefined) {
    console.error(`Unknown option ${more ?? option}: use one of --plain and --races`);
    Deno.exit(2);
  }
  Deno.mkdirSync(new URL(`${build.folder}/`, NATIVE_ROOT), { recursive: true });
  const flags = (source: string) =>
    source === SCHEDULER && option === "--races"
      ? [...FLAGS, "-DSALIENT_RACE_CHECK"]
      : [...FLAGS, ...build.flags];
  const sources = emulatedFiles().filter((path) => !path.endsWith(".h"));
  // With the thread sanitizer these take ten minutes each: nearly all of it is the emulated products.
  const slow = option === "--races" ? /wgmma/ : /^$/;
  const tests = filesOf("cuda/tests", /_test\.cpp$/).filter((path) => !slow.test(path));
  const objects = await compile([...sources, ...tests], build.folder, flags);
  for (const [i, test] of tests.entries()) {
    const program = `${build.folder}/${test.replace(/^.*\//, "").replace(/\.cpp$/, "")}`;
    const parts = [...objects.slice(0, sources.length), objects[sources.length + i] ?? ""];
    await runTool("g++", [...build.flags, ...parts, "-pthread", "-o", program]);
    console.log(`Running ${test} (${build.name})`);
    await runTool(`./${program}`, []);
  }
}

if (import.meta.main) await main(Deno.args);
