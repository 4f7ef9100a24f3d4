/**
 * Builds the programs of the libraries that are installed, and weighs what each library adds to a program that has its
 * product and nothing else.
 *
 * @module
 */

import type { Library } from "./libraries.ts";

const FOLDER = new URL("./", import.meta.url).pathname;
const FLAGS = ["-O2", "-std=c++20", "-Wall", "-Wextra", "-fopenmp", "-s", "-Wl,--gc-sections"];

/** Runs g++; what it says is thrown where it fails. */
async function compile(args: readonly string[]): Promise<void> {
  const command = new Deno.Command("g++", { args: [...args], stdout: "null", stderr: "piped" });
  const { success, stderr } = await command.output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Error(
    lines.find((line) => /fatal error|cannot find|error:/.test(line)) ?? lines.at(-1),
  );
}

async function modified(path: string): Promise<number> {
  return (await Deno.stat(path).catch(() => undefined))?.mtime?.getTime() ?? 0;
}

/** The program of a library, built where its sources are newer. Throws where the library is not installed. */
export async function buildLibrary({ source, link }: Library): Promise<string> {
  const program = `${FOLDER}build/${source}`;
  const sources = [`${FOLDER}${source}.cpp`, `${FOLDER}contestant.h`];
  const times = await Promise.all(sources.map(modified));
  if (await modified(program) <= Math.max(...times)) {
    await Deno.mkdir(`${FOLDER}build`, { recursive: true });
    await compile([...FLAGS, sources[0]!, "-o", program, ...link]);
  }
  return program;
}

/**
 * Bytes that a library adds: of a program that links its archive and refers to its product less those of an empty one,
 * stripped, or of the shared library where the system has no archive of it.
 */
export async function weigh({ weight }: Library): Promise<number> {
  if ("shared" in weight) {
    return (await Deno.stat(await Deno.realPath(await locate(weight.shared)))).size;
  }
  const full = await sizeOf(weight.product, weight.link);
  return full - await sizeOf(undefined, []);
}

async function sizeOf(product: string | undefined, link: readonly string[]): Promise<number> {
  const file = await Deno.makeTempFile({ prefix: "salient-bench-", suffix: ".cpp" });
  try {
    const name = product ?? "main";
    const declared = product === undefined ? "" : `extern "C" void ${name}();`;
    const used = product === undefined
      ? ""
      : `static void (*volatile p)() = ${name}; if (!p) return 1;`;
    await Deno.writeTextFile(file, `${declared} int main() { ${used} return 0; }\n`);
    await compile([...FLAGS, file, "-o", `${file}.out`, ...link]);
    return (await Deno.stat(`${file}.out`)).size;
  } finally {
    await Deno.remove(file);
    await Deno.remove(`${file}.out`).catch(() => {});
  }
}

/** Where g++ finds a file of a library; the bare name where it finds none. */
async function locate(name: string): Promise<string> {
  const command = new Deno.Command("g++", { args: [`-print-file-name=${name}`] });
  return new TextDecoder().decode((await command.output()).stdout).trim();
}
