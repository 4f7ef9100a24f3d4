/**
 * Builds the native libraries: the CPU library with g++ (or another compiler that takes its flags).
 *
 *     deno task build:native              into ffi/native/build/<os>-<arch>/, which is opened first
 *     deno task build:native --prebuilt   also into ffi/native/prebuilt/<os>-<arch>/, with a manifest
 *     deno task check:native              whether each prebuilt library is that of its manifest, and made
 *                                         from the sources; needs no compiler
 *     deno task test:native               builds and runs ffi/native/tests with sanitizers
 *     deno task test:native:aarch64       the same for aarch64 in qemu, without sanitizers
 *
 * `--target linux-aarch64` builds for another system than this one (see `target.ts`), `--target all` for each
 * one whose library is committed. Linux on x86_64 and, cross-compiled, on aarch64 have been tried.
 *
 * The CUDA library is built with `--cuda`, its emulation with `--emulated` (see `build_cuda.ts`).
 *
 * @module
 */

import { buildCuda, checkCuda } from "./build_cuda.ts";
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
import { libraryFileName } from "./platform.ts";
import {
  hostTarget,
  missingPrograms,
  PREBUILT_TARGETS,
  type Target,
  targetNamed,
} from "./target.ts";
import { modified } from "./modified.ts";
import { runTool } from "./run_tool.ts";

/** Compilers at work at the same time. */
const JOBS = 2;

const SANITIZERS: Readonly<Record<string, readonly string[]>> = {
  address: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  thread: ["-fsanitize=thread"],
};

interface Options {
  readonly target: Target;
  readonly compiler: string;
  readonly sanitizer: string | undefined;
}

function usage(text: string): never {
  console.error(text);
  Deno.exit(2);
}

function headersOf(target: Target): string[] {
  return sourceFiles(target.arch).filter((path) => path.endsWith(".h"));
}

function sourcesOf(target: Target): string[] {
  return sourceFiles(target.arch).filter((path) => path.endsWith(".cpp"));
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
  const shared = [...headersOf(options.target), "build_plan.ts"];
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
      await runTool(options.compiler, [
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
  const name = libraryFileName("cpu", options.target.os);
  const folder = `build/${options.target.name}`;
  const objects = await compile(sourcesOf(options.target), folder, options);
  await runTool(options.compiler, [...objects, ...LINK_FLAGS, "-o", `${folder}/objects/${name}`]);
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
  const folder = `prebuilt/${options.target.name}`;
  place(library, `${folder}/${libraryFileName("cpu", options.target.os)}`);
  Deno.writeTextFileSync(
    new URL(`${folder}/manifest.json`, NATIVE_ROOT),
    JSON.stringify(manifest, null, 2) + "\n",
  );
  console.log(`Wrote ffi/native/${folder}/ (${manifest.sha256.slice(0, 12)})`);
}

/** Holds each committed library against its manifest, and the manifest against the sources. */
async function check(): Promise<void> {
  let wrong = 0;
  for (const name of PREBUILT_TARGETS) {
    const [os = "", arch = ""] = name.split("-");
    const folder = `prebuilt/${name}`;
    const text = Deno.readTextFileSync(new URL(`${folder}/manifest.json`, NATIVE_ROOT));
    const manifest = JSON.parse(text) as Manifest;
    const library = new URL(`${folder}/${libraryFileName("cpu", os)}`, NATIVE_ROOT);
    const good = manifest.sourceHash === await sourceHash(arch) &&
      manifest.sha256 === await sha256(Deno.readFileSync(library));
    if (good) console.log(`ffi/native/${folder}: made from these sources`);
    else {
      console.error(
        `ffi/native/${folder}: not made from these sources, run deno task build:native --prebuilt --target ${name}`,
      );
      wrong++;
    }
  }
  if (!await checkCuda()) wrong++;
  if (wrong > 0) Deno.exit(1);
}

/** Builds and runs each `tests/*_test.cpp` against the library's sources. */
async function test(options: Options): Promise<void> {
  const { target } = options;
  const missing = await missingPrograms(target);
  if (target.runner.length > 0 && missing.length > 0) {
    console.log(`Skipped the native tests of ${target.name}: not installed: ${missing.join(", ")}`);
    return;
  }
  const folder = `build/${target.name}-${options.sanitizer ?? "plain"}`;
  const objects = await compile(sourcesOf(target), folder, options);
  const names = [...Deno.readDirSync(new URL("tests/", NATIVE_ROOT))]
    .map((entry) => entry.name)
    .filter((name) => name.endsWith("_test.cpp"));
  for (const name of names.sort()) {
    const [object] = await compile([`tests/${name}`], folder, options);
    const program = `${folder}/${name.replace(/\.cpp$/, "")}`;
    const sanitize = SANITIZERS[options.sanitizer ?? ""] ?? [];
    await runTool(options.compiler, [
      object ?? "",
      ...objects,
      ...sanitize,
      "-pthread",
      "-o",
      program,
    ]);
    for (const processor of target.processors) {
      const how = options.sanitizer ? [`${options.sanitizer} sanitizer`] : processor;
      console.log(`Running ${name}${how.length > 0 ? ` (${how.join(" ")})` : ""}`);
      const [first = "", ...rest] = [...target.runner, ...processor, `./${program}`];
      // Every instruction is emulated: cases that take long for nothing but their size are left out.
      await runTool(first, rest, target.runner.length > 0 ? { SALIENT_TEST_SMALL: "1" } : {});
    }
  }
}

/** What is asked for: options without a value, and the others' values. */
function parse(args: readonly string[]): { flags: Set<string>; values: Map<string, string> } {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [name = "", ...rest] = (args[i] ?? "").split("=");
    const value = rest.length > 0 ? rest.join("=") : undefined;
    if (["--arch", "--compiler", "--target"].includes(name)) {
      values.set(name, value ?? args[++i] ?? "");
    } else if (name === "--sanitize") values.set(name, value ?? "address");
    else if (
      ["--prebuilt", "--check", "--test", "--cuda", "--emulated"].includes(name) &&
      value === undefined
    ) {
      flags.add(name);
    } else {
      usage(
        `Unknown option ${
          args[i]
        }: use --prebuilt, --check, --test, --sanitize, --sanitize=thread, ` +
          "--target NAME, --compiler NAME, --cuda, --arch NAME or --emulated",
      );
    }
  }
  return { flags, values };
}

function targetsOf(name: string | undefined): Target[] {
  if (name === undefined) return [hostTarget()];
  return (name === "all" ? PREBUILT_TARGETS : [name]).map((each) => {
    const known = `use all or one of ${PREBUILT_TARGETS.join(", ")}`;
    return targetNamed(each) ?? usage(`Unknown target ${each} on this system: ${known}`);
  });
}

async function main(args: readonly string[]): Promise<void> {
  const { flags, values } = parse(args);
  if (flags.has("--check")) return await check();
  const sanitizer = values.get("--sanitize");
  if (flags.has("--cuda") || flags.has("--emulated")) {
    return await buildCuda({
      emulated: flags.has("--emulated"),
      sanitize: sanitizer !== undefined,
      prebuilt: flags.has("--prebuilt"),
      architectures: values.get("--arch")?.split(","),
    });
  }
  if (sanitizer !== undefined && SANITIZERS[sanitizer] === undefined) {
    usage(`Unknown sanitizer ${sanitizer}: use ${Object.keys(SANITIZERS).join(" or ")}`);
  }
  if (sanitizer !== undefined && !flags.has("--test")) {
    usage("A sanitizer is for the native tests: add --test");
  }
  for (const target of targetsOf(values.get("--target"))) {
    const options = { target, compiler: values.get("--compiler") ?? target.compiler, sanitizer };
    if (flags.has("--test")) {
      await test(options);
      continue;
    }
    // Hashed before the compilers read them: a source that changes meanwhile shows up in the check.
    const hash = await sourceHash(target.arch);
    const library = await buildLibrary(options);
    console.log(`Built ffi/native/${library}`);
    if (flags.has("--prebuilt")) await writePrebuilt(library, hash, options);
  }
}

if (import.meta.main) await main(Deno.args);
