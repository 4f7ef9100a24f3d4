/**
 * What the pieces of the benchmark hand to the runner: one line of JSON for each thing measured.
 *
 * @module
 */

/** One thing measured. */
export interface Measure {
  /** What was done, for example the name of a work. Measures of one group are compared. */
  readonly group: string;
  /** Who did it; ours begin with `salient`. */
  readonly who: string;
  /** Threads, where measures of one group differ in them; those with the same number are compared. */
  readonly threads?: number;
  /** What the value is. `ns`, `s` and `error`: less is better. `tokens/s`: more is better. */
  readonly unit: "ns" | "s" | "tokens/s" | "bytes" | "GB/s" | "GFLOP/s" | "ratio" | "error";
  /** The median, where there are several. */
  readonly value: number;
  /** The best. */
  readonly best?: number;
  /** Runs that the median is of. */
  readonly runs?: number;
  /** Relative error of the result against plain fp64 arithmetic on the same weights. */
  readonly error?: number;
  /** What a reader must know of this value. */
  readonly note?: string;
}

/** Versions, or something that did not work. */
export interface Remark {
  /** About whom. */
  readonly who: string;
  /** A version line, or why it failed. */
  readonly about?: string;
  /** Why there is no measure. */
  readonly failed?: string;
}

/** Hands one to the runner (standard output, a line that begins with `@`), and shows it to people. */
export function emit(item: Measure | Remark): void {
  console.log(`@${JSON.stringify(item)}`);
  console.error("  " + show(item));
}

/** The group, and the threads where it has several numbers of them. */
export function withThreads({ group, threads }: Measure): string {
  if (threads === undefined) return group;
  return `${group}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

function show(item: Measure | Remark): string {
  if (!("value" in item)) {
    return item.failed === undefined ? `${item.about}` : `${item.who} failed: ${item.failed}`;
  }
  const error = item.error === undefined ? "" : `, error ${item.error.toExponential(1)}`;
  const note = item.note === undefined ? "" : ` (${item.note})`;
  return `${withThreads(item)}, ${item.who}: ${showValue(item.value, item.unit)}${error}${note}`;
}

/** A value as people read it. */
export function showValue(value: number, unit: Measure["unit"]): string {
  switch (unit) {
    case "ns":
      if (value < 1e6) return `${(value / 1e3).toFixed(1)} us`;
      return value < 1e9 ? `${(value / 1e6).toFixed(2)} ms` : `${(value / 1e9).toFixed(2)} s`;
    case "s":
      return `${value.toPrecision(3)} s`;
    case "bytes":
      if (value < 2 ** 20) return `${(value / 2 ** 10).toFixed(0)} KiB`;
      return value < 1e9
        ? `${(value / 2 ** 20).toFixed(0)} MiB`
        : `${(value / 2 ** 30).toFixed(2)} GiB`;
    case "error":
      return value.toExponential(2);
    case "ratio":
      return value.toPrecision(3);
    default:
      return `${value < 10 ? value.toPrecision(3) : value.toFixed(1)} ${unit}`;
  }
}

/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
