/**
 * Runs the benchmarks (`deno bench --json`) and prints a table for each group, with what Deno's own report
 * lacks: GB/s, GFLOP/s, and the ratio to the group's baseline.
 *
 *     deno task bench [--filter TEXT]
 *
 * @module
 */

import { workOf } from "./work.ts";

interface BenchResult {
  readonly group: string | null;
  readonly name: string;
  readonly baseline: boolean;
  readonly results: readonly {
    readonly ok?: { readonly avg: number; readonly min: number; readonly p75: number };
  }[];
}

const FFI = "--allow-ffi=ffi/native/prebuilt,ffi/native/build";

/** The parsed output of `deno bench --json` over this folder. */
async function runBenchmarks(
  args: readonly string[],
): Promise<{ cpu: string; benches: readonly BenchResult[] }> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["bench", "--json", "--allow-read", "--allow-write", FFI, ...args, "bench/"],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const start = text.indexOf("{");
  if (!success || start < 0) throw new Error("deno bench failed: see its output above");
  return JSON.parse(text.slice(start));
}

/** Nanoseconds as people read them. */
function time(nanoseconds: number): string {
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(1)} us`;
  return nanoseconds < 1e9
    ? `${(nanoseconds / 1e6).toFixed(2)} ms`
    : `${(nanoseconds / 1e9).toFixed(2)} s`;
}

const { cpu, benches } = await runBenchmarks(Deno.args);
console.log(`${cpu}, ${navigator.hardwareConcurrency} cores, deno ${Deno.version.deno}\n`);
for (const [group, members] of Map.groupBy(benches, (bench) => bench.group ?? "")) {
  const baseline = members.find((bench) => bench.baseline)?.results[0]?.ok?.avg;
  console.log(`### ${group}\n`);
  console.log("| benchmark | average | best | GB/s | GFLOP/s | times the baseline's speed |");
  console.log("|---|---:|---:|---:|---:|---:|");
  for (const { name, results } of members) {
    const ok = results[0]?.ok;
    if (ok === undefined) {
      console.log(`| ${name} | failed | | | | |`);
      continue;
    }
    const work = workOf(group, name);
    console.log(
      `| ${name} | ${time(ok.avg)} | ${time(ok.min)} ` +
        `| ${work === undefined ? "" : (work.bytes / ok.avg).toFixed(1)} ` +
        `| ${work === undefined ? "" : (work.flops / ok.avg).toFixed(1)} ` +
        `| ${baseline === undefined ? "" : (baseline / ok.avg).toFixed(2)} |`,
    );
  }
  console.log();
}
