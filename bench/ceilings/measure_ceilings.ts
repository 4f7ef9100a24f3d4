/**
 * Builds `ceilings.cpp` with g++ where it is newer than its program, runs it, and hands on what it found.
 *
 *     deno task bench:ceilings
 *
 * @module
 */

import type { Ceilings } from "../ceiling.ts";
import { emit } from "../measure.ts";
import { readOptions } from "../options.ts";

const FOLDER = new URL("./", import.meta.url).pathname;
const PROGRAM = `${FOLDER}build/ceilings`;
const SOURCE = `${FOLDER}ceilings.cpp`;
// GCC 12's own header warns of a variable that it means to leave undefined.
const FLAGS = ["-O2", "-std=c++20", "-Wall", "-Wextra", "-Wno-uninitialized", "-pthread"];

async function run(program: string, args: readonly string[]): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}

async function build(): Promise<void> {
  const modified = async (path: string): Promise<number> =>
    (await Deno.stat(path).catch(() => undefined))?.mtime?.getTime() ?? 0;
  if (await modified(PROGRAM) > await modified(SOURCE)) return;
  await Deno.mkdir(`${FOLDER}build`, { recursive: true });
  await run("g++", [...FLAGS, SOURCE, "-o", PROGRAM]);
}

const { threads, tiny } = readOptions(Deno.args);
await build();
const found: Ceilings = JSON.parse(await run(PROGRAM, [`${threads}`, tiny ? "64" : "512"]));
for (const name of ["readGBs", "fp32", "bf16", "int8"] as const) {
  const rates = found[name];
  if (rates === null) {
    emit({ who: `ceiling ${name}`, failed: "this processor has no such instruction" });
    continue;
  }
  const unit = name === "readGBs" ? "GB/s" : "GFLOP/s";
  for (const count of ["one", "all"] as const) {
    emit({ group: `ceiling ${name}`, who: `${count}`, unit, value: rates[count] });
  }
}
