/**
 * Builds the native CPU library with g++ (or another compiler that takes its flags).
 *
 *     deno task build:native              into ffi/native/build/<os>-<arch>/, which is opened first
 *     deno task build:native --prebuilt   also into ffi/native/prebuilt/<os>-<arch>/, with a manifest
 *     deno task check:native              whether the manifest's hash is that of the sources
 *     deno task test:native               builds and runs ffi/native/tests with sanitizers
 *
 * Only Linux on x86_64 has been tried.
 *
 * @module
 */

import {
  abiVersion,
  compileFlags,
  LINK_FLAGS,
  type Manifest,
  NATIVE_ROOT,
  sha256,
  sourceFiles,
  sourceHash,
} from "./build_plan.ts";
import { libraryFileName, platformName } from "./platform.ts";

/** Compilers at work at the same time. */
const JOBS = 2;

const SANITIZERS: Readonly<Record<string, readonly string[]>> = {
  address: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  thread: ["-fsanitize=thread"],
};

interface Options {
  compiler: string;
  sanitizer: string | undefined;
}

/** Runs a program in `ffi/native/`; ends the build where it fails. */
async function run(program: string, args: readonly string[]): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd: NATIVE_ROOT });
  const { success } = await command.spawn().status;
  if (!success) {
    console.error(`Failed: ${program} ${args.join(" ")}`);
    Deno.exit(1);
  }
}

function modified(path: string): number {
  try {
    return Deno.statSync(new URL(path, NATIVE_ROOT)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Compiles what is newer than its object; returns the objects. */
async function compile(
  sources: readonly string[],
  folder: string,
  options: Options,
): Promise<string[]> {
  const extra = options.sanitizer === undefined
    ? []
    : ["-O1", "-g", "-fno-omit-frame-pointer", ...SANITIZERS[options.sanitizer] ?? []];
  Deno.mkdirSync(new URL(`${folder}/objects/`, NATIVE_ROOT), { recursive: true });
  const shared = [...sourceFiles().filter((path) => path.endsWith(".h")), "build_plan.ts"];
  const newest = Math.max(...shared.map(modified));
  const waiting = sources.map((source) => ({
    source,
    object: `${folder}/objects/${source.replaceAll("/", "_").replace(/\.cpp$/, ".o")}`,
  }));
  const objects = waiting.map(({ object }) => object);
  const stale = waiting.filter(({ source, object }) =>
    modified(object) <= Math.max(newest, modified(source))
  );
  async function work(): Promise<void> {
    for (let next = stale.shift(); next !== undefined; next = stale.shift()) {
      await run(options.compiler, [
        ...compileFlags(next.source),
        ...extra,
        "-c",
        next.source,
        "-o",
        next.object,
      ]);
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work));
  return objects;
}

/** Puts a file in place at once, so that processes that have it open keep what they opened. */
function place(from: string, to: string): void {
  const target = new URL(to, NATIVE_ROOT);
  Deno.mkdirSync(new URL("./", target), { recursive: true });
  const temporary = new URL(`${to}.new`, NATIVE_ROOT);
  Deno.copyFileSync(new URL(from, NATIVE_ROOT), temporary);
  Deno.renameSync(temporary, target);
}

async function buildLibrary(options: Options): Promise<string> {
  const name = libraryFileName("cpu");
  const folder = `build/${platformName()}`;
  const sources = sourceFiles().filter((path) => path.endsWith(".cpp"));
  const objects = await compile(sources, folder, options);
  await run(options.compiler, [...objects, ...LINK_FLAGS, "-o", `${folder}/objects/${name}`]);
  place(`${folder}/objects/${name}`, `${folder}/${name}`);
  return `${folder}/${name}`;
}

async function writePrebuilt(library: string, hash: string, options: Options): Promise<void> {
  const version = await new Deno.Command(options.compiler, { args: ["-dumpfullversion"] }).output();
  const manifest: Manifest = {
    abiVersion: abiVersion(),
    sourceHash: hash,
    sha256: await sha256(Deno.readFileSync(new URL(library, NATIVE_ROOT))),
    compiler: `${options.compiler} ${new TextDecoder().decode(version.stdout).trim()}`,
    flags: [...compileFlags(""), ...LINK_FLAGS],
  };
  const folder = `prebuilt/${platformName()}`;
  place(library, `${folder}/${libraryFileName("cpu")}`);
  Deno.writeTextFileSync(
    new URL(`${folder}/manifest.json`, NATIVE_ROOT),
    JSON.stringify(manifest, null, 2) + "\n",
  );
  console.log(`Wrote ffi/native/${folder}/ (${manifest.sha256.slice(0, 12)})`);
}

async function check(): Promise<void> {
  const path = `prebuilt/${platformName()}/manifest.json`;
  const manifest = JSON.parse(Deno.readTextFileSync(new URL(path, NATIVE_ROOT))) as Manifest;
  if (manifest.sourceHash !== await sourceHash()) {
    console.error(
      `The sources are not those of ffi/native/${path}: run deno task build:native --prebuilt`,
    );
    Deno.exit(1);
  }
  console.log("The prebuilt library was made from these sources");
}

/** Builds and runs each `tests/*_test.cpp` against the library's sources. */
async function test(options: Options): Promise<void> {
  const folder = `build/${platformName()}-${options.sanitizer ?? "plain"}`;
  const sources = sourceFiles().filter((path) => path.endsWith(".cpp"));
  const objects = await compile(sources, folder, options);
  const names = [...Deno.readDirSync(new URL("tests/", NATIVE_ROOT))]
    .map((entry) => entry.name)
    .filter((name) => name.endsWith("_test.cpp"));
  for (const name of names.sort()) {
    const [object] = await compile([`tests/${name}`], folder, options);
    const program = `${folder}/${name.replace(/\.cpp$/, "")}`;
    const sanitize = SANITIZERS[options.sanitizer ?? ""] ?? [];
    await run(options.compiler, [
      object ?? "",
      ...objects,
      ...sanitize,
      "-pthread",
      "-o",
      program,
    ]);
    console.log(`Running ${name}${options.sanitizer ? ` (${options.sanitizer} sanitizer)` : ""}`);
    await run(new URL(program, NATIVE_ROOT).pathname, []);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const known = ["--prebuilt", "--check", "--test", "--sanitize", "--sanitize=thread"];
  const options: Options = { compiler: "g++", sanitizer: undefined };
  for (const arg of args) {
    if (arg.startsWith("--compiler=")) options.compiler = arg.slice("--compiler=".length);
    else if (!known.includes(arg)) {
      console.error(`Unknown option ${arg}: use ${known.join(", ")} or --compiler=NAME`);
      Deno.exit(2);
    }
  }
  if (args.includes("--sanitize")) options.sanitizer = "address";
  if (args.includes("--sanitize=thread")) options.sanitizer = "thread";
  if (args.includes("--check")) return await check();
  if (args.includes("--test")) return await test(options);
  if (options.sanitizer !== undefined) {
    console.error("A sanitizer is for the native tests: add --test");
    Deno.exit(2);
  }
  // Hashed before the compilers read them: a source that changes meanwhile shows up in the check.
  const hash = await sourceHash();
  const library = await buildLibrary(options);
  console.log(`Built ffi/native/${library}`);
  if (args.includes("--prebuilt")) await writePrebuilt(library, hash, options);
}

if (import.meta.main) await main(Deno.args);
