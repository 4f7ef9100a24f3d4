/**
 * Writes what `tools/gpu-check` has found as one JSON and one Markdown file.
 *
 *     deno run -A bench/gpu/write_results.ts ABOUT STEPS ROWS KERNELS OUT
 *
 * ABOUT is a line of JSON (device, driver, what else there is to say), STEPS, ROWS and KERNELS are files with a line of
 * JSON for each step, each target and each kernel that was timed. Writes OUT.json and OUT.md, and prints the latter.
 *
 * @module
 */

import { type KernelLine, kernelTargets } from "./kernel_targets.ts";
import { showRow, type TargetRow } from "./target_row.ts";

/** How a step of the script ended. */
interface Step {
  readonly step: string;
  readonly result: string;
  readonly seconds: number;
}

function readLines<T>(path: string): T[] {
  return Deno.readTextFileSync(path).split("\n").flatMap((line): T[] => {
    try {
      return line.startsWith("{") ? [JSON.parse(line)] : [];
    } catch {
      return []; // a line cut off when the step was ended
    }
  });
}

function table(head: readonly string[], lines: readonly string[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...lines].join("\n");
}

/** Writes both files; returns the Markdown. */
export function writeResults(
  about: Readonly<Record<string, unknown>>,
  steps: readonly Step[],
  rows: readonly TargetRow[],
  kernels: readonly KernelLine[],
  out: string,
): string {
  const all = [...kernelTargets(kernels), ...rows];
  const json = { ...about, steps, targets: all, kernels };
  Deno.writeTextFileSync(`${out}.json`, JSON.stringify(json, null, 1) + "\n");
  const heading = Object.values(about).filter((value) => value !== "").join(", ");
  const figure = (value: number | undefined): string =>
    value === undefined ? "" : `${value >= 1e4 ? Math.round(value) : Number(value.toPrecision(4))}`;
  const timed = kernels.filter(({ work }) => work !== undefined).map((line) => {
    const { work, outputs, inputs, batch, microseconds, gbPerSecond, ofCopy, tflops } = line;
    const numbers = [outputs, inputs, batch, microseconds, gbPerSecond, ofCopy, tflops];
    const cells = [...numbers, line.overCublas, line.error].map(figure);
    return `| ${work} | ${cells.join(" | ")}${line.wrong === true ? " WRONG" : ""} |`;
  });
  const units = ["us", "GB/s", "of copy", "TFLOP/s", "x cuBLAS fp16", "error"];
  const text = [
    `# ${heading}`,
    table(["target", "measured", "wanted", "", "note"], all.map(showRow)),
    table(
      ["step", "result", "s"],
      steps.map(({ step, result, seconds }) => `| ${step} | ${result} | ${seconds} |`),
    ),
    table(["kernel", "outputs", "inputs", "batch", ...units], timed),
  ].join("\n\n") + "\n";
  Deno.writeTextFileSync(`${out}.md`, text);
  return text;
}

if (import.meta.main) {
  const [about = "{}", steps = "", rows = "", kernels = "", out = ""] = Deno.args;
  console.log(
    writeResults(JSON.parse(about), readLines(steps), readLines(rows), readLines(kernels), out),
  );
}
