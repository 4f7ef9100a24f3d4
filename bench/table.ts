/**
 * Markdown tables of measures.
 *
 * @module
 */

import { ratesOf } from "./ceiling.ts";
import { type Measure, showValue, withThreads } from "./measure.ts";
import { type Work, workOf } from "./work.ts";

/** One row: a list of cells. */
type Row = readonly string[];

/** How many times as fast as `other` is `ours`, or as many times less memory it takes. */
export function timesAsGood(ours: Measure, other: Measure): number {
  const more = ours.unit.endsWith("/s") || ours.unit === "ratio";
  return more ? ours.value / other.value : other.value / ours.value;
}

/**
 * A table of works (their names are groups): time, GB/s, GFLOP/s, the part of the ceiling, and how many times as
 * fast ours is. A ratio to ours stands in the peer's row: above 1 ours is faster.
 *
 * @param ceilings Of all threads.
 * @param ceilingsOfOne Of one thread, for measures that say that they had one.
 */
export function workTable(
  measures: readonly Measure[],
  ceilings: ReadonlyMap<string, number>,
  ceilingsOfOne: ReadonlyMap<string, number> = new Map(),
): string {
  const rows: Row[] = [];
  for (const [name, members] of Map.groupBy(measures, withThreads)) {
    const { group, threads } = members[0]!;
    const work = workOf(group);
    if (work === undefined) continue;
    const ours = members.find(({ who }) => who === "salient");
    const most = threads === 1 ? ceilingsOfOne : ceilings;
    for (const measure of members) {
      rows.push([name, measure.who, ...workCells(work, measure, ours, most)]);
    }
  }
  return markdown(
    ["work", "who", "median", "best", "GB/s", "GFLOP/s", "of the ceiling", "error", "salient is"],
    rows,
  );
}

function workCells(
  work: Work,
  measure: Measure,
  ours: Measure | undefined,
  ceilings: ReadonlyMap<string, number>,
): Row {
  // "salient bf16" does a work of 4-bit weights with bf16 ones.
  const done: Work = measure.who === "salient bf16" && work.kind === "int4"
    ? { ...work, kind: "product", stored: "bf16" }
    : work;
  const { gigabytes, gigaflops, part } = ratesOf(done, measure.value, ceilings);
  return [
    showValue(measure.value, "ns"),
    measure.best === undefined ? "" : showValue(measure.best, "ns"),
    gigabytes.toFixed(1),
    gigaflops.toFixed(1),
    part === undefined ? "" : `${(part * 100).toFixed(0)} %`,
    measure.error === undefined ? "" : measure.error.toExponential(0),
    showRatio(ours, measure),
  ];
}

/** A table of what is no work: the value, and how many times as good ours is. */
export function plainTable(measures: readonly Measure[]): string {
  const rows: Row[] = [];
  for (const [group, members] of Map.groupBy(measures, (measure) => measure.group)) {
    if (workOf(group) !== undefined) continue;
    for (const measure of members) {
      const ours = members.find(({ who, unit }) => who === "salient" && unit === measure.unit);
      rows.push([
        group,
        measure.who,
        showValue(measure.value, measure.unit),
        showRatio(ours, measure),
        measure.note ?? "",
      ]);
    }
  }
  return markdown(["what", "who", "value", "salient is", "note"], rows);
}

function showRatio(ours: Measure | undefined, other: Measure): string {
  if (ours === undefined || ours === other) return "";
  return `${timesAsGood(ours, other).toFixed(2)}x`;
}

/** Cells of text to a table; the first two columns are words, the others stand to the right. */
function markdown(head: Row, rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const line = (cells: Row): string => `| ${cells.join(" | ")} |`;
  const rule = `|${head.map((_, i) => (i < 2 ? "---" : "---:")).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n") + "\n";
}
