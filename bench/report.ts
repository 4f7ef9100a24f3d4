/**
 * Runs our own benchmarks (`deno bench --json`) and prints a table of each file, with what Deno's own report lacks:
 * GB/s, GFLOP/s, the part of the machine's ceiling, and the ratio to the group's baseline.
 *
 *     deno task bench [--filter TEXT] [bench/linear.bench.ts ...]
 *
 * @module
 */

import { ceilingsIn, ratesOf } from "./ceiling.ts";
import { type Measure, showValue } from "./measure.ts";
import { copiesOf, workOf } from "./work.ts";

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
async function runBenchmarks(args: readonly string[]): Promise<readonly BenchResult[]> {
  const files = args.some((arg) => arg.endsWith(".ts")) ? [] : ["bench/"];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["bench", "--json", "--allow-read", "--allow-write", FFI, ...args, ...files],
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const start = text.indexOf("{");
  if (!success || start < 0) throw new Error("deno bench failed: see its output above");
  return JSON.parse(text.slice(start)).benches;
}

/** The ceilings that `measure_ceilings.ts` finds; none where it cannot be built. */
async function measureCeilings(): Promise<ReadonlyMap<string, number>> {
  const script = new URL("ceilings/measure_ceilings.ts", import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-write", "--allow-run", script],
    stderr: "null",
  }).output();
  if (!success) return new Map();
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line[0] === "@");
  const items = lines.map((line): Partial<Measure> => JSON.parse(line.slice(1)));
  return ceilingsIn(items.filter((item): item is Measure => item.value !== undefined));
}

function row(bench: BenchResult, baseline: number | undefined, ceilings: Map<string, number>) {
  const ok = bench.results[0]?.ok;
  if (ok === undefined) return `| ${bench.name} | failed | | | | | |`;
  const work = workOf(bench.name);
  const nanoseconds = ok.avg / (work === undefined ? 1 : copiesOf(work));
  const rates = work === undefined ? undefined : ratesOf(work, nanoseconds, ceilings);
  const best = ok.min * nanoseconds / ok.avg;
  const cells = [
    bench.name,
    showValue(nanoseconds, "ns"),
    showValue(best, "ns"),
    rates?.gigabytes.toFixed(1) ?? "",
    rates?.gigaflops.toFixed(1) ?? "",
    rates?.part === undefined ? "" : `${(rates.part * 100).toFixed(0)} %`,
    baseline === undefined ? "" : (baseline / nanoseconds).toFixed(2),
  ];
  return `| ${cells.join(" | ")} |`;
}

const ceilings = new Map(await measureCeilings());
const benches = await runBenchmarks(Deno.args);
console.log(`${navigator.hardwareConcurrency} cores, deno ${Deno.version.deno}`);
console.log(`Ceilings, all threads: ${JSON.stringify(Object.fromEntries(ceilings))}\n`);
for (const [group, members] of Map.groupBy(benches, (bench) => bench.group ?? "")) {
  const first = members.find((bench) => bench.baseline);
  const work = first === undefined ? undefined : workOf(first.name);
  const average = first?.results[0]?.ok?.avg;
  const copies = work === undefined ? 1 : copiesOf(work);
  const baseline = average === undefined ? undefined : average / copies;
  console.log(`### ${group}\n`);
  console.log("| benchmark | average | best | GB/s | GFLOP/s | of the ceiling | of the baseline |");
  console.log("|---|---:|---:|---:|---:|---:|---:|");
  for (const bench of members) console.log(row(bench, baseline, ceilings));
  console.log();
}
