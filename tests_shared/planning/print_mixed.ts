/**
 * Prints the tables of docs/mixed_precision.md.
 *
 *     deno run --allow-read --allow-write --allow-ffi tests_shared/planning/print_mixed.ts [GROUP] [METHODS] [THREADS]
 *
 * @module
 */

import { openBackend } from "../../ffi/open_backend.ts";
import { Laboratory, SUBJECTS } from "../plugins/protocol.ts";
import { interpolate, mixedRuns, type Point } from "./mixed_runs.ts";

const [group = "32", methods = "rtn,awq", threads] = Deno.args;
using backend = await openBackend(
  "auto",
  threads === undefined ? {} : { threads: Number(threads) },
);
console.log(
  "| model | method | what | bits a weight | perplexity | interpolated | gain | s | plan s |",
);
console.log("|---|---|---|---:|---:|---:|---:|---:|---:|");
for (const subject of SUBJECTS) {
  using laboratory = await Laboratory.open(subject, backend);
  for (const method of methods.split(",")) {
    if (method !== "rtn" && method !== "awq") throw new Error(`There is no method ${method}`);
    const uniform: Point[] = [];
    for (const { what, ...run } of mixedRuns(method, Number(group))) {
      const { perplexity, report } = await laboratory.measureRun(run);
      const bits = report.bitsPerWeight;
      const isUniform = run.rules === undefined && run.targetBits === undefined;
      if (isUniform) uniform.push({ bits, perplexity });
      const line = isUniform ? undefined : interpolate(uniform, subject.original, bits);
      const cells = [
        subject.model,
        method,
        what,
        bits.toFixed(3),
        perplexity.toFixed(3),
        line?.toFixed(3) ?? "",
        line === undefined ? "" : `${((perplexity / line - 1) * 100).toFixed(1)} %`,
        report.seconds.toFixed(1),
        report.bitPlan?.seconds.toFixed(1) ?? "",
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
}
