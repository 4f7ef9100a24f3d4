/**
 * The rows of the table of targets: what was measured, and what it was to be.
 *
 * @module
 */

/** One row. */
export interface TargetRow {
  /** What was measured. */
  readonly work: string;
  /** Its value; null where there is none, and the note says why. */
  readonly value: number | null;
  /** Unit of the value. */
  readonly unit: string;
  /** What it was to be, as text; empty where it is only reported. */
  readonly target: string;
  /** Whether the target was met; null where there is none, or no measurement that could say. */
  readonly met: boolean | null;
  /** What a reader must know of this value. */
  readonly note?: string;
}

/** What a value is to be. */
export type Bound = { readonly most: number } | { readonly least: number };

/** A row with its verdict. One that was extrapolated or rehearsed meets nothing. */
export function targetRow(
  work: string,
  value: number | null,
  unit: string,
  options: { readonly bound?: Bound; readonly note?: string; readonly isMeasured?: boolean } = {},
): TargetRow {
  const { bound, note, isMeasured = true } = options;
  const said = note === undefined ? {} : { note };
  if (bound === undefined) return { work, value, unit, target: "", met: null, ...said };
  const [target, met] = "most" in bound
    ? [`<= ${bound.most}`, value !== null && value <= bound.most]
    : [`>= ${bound.least}`, value !== null && value >= bound.least];
  return { work, value, unit, target, met: isMeasured && value !== null ? met : null, ...said };
}

/** Appends rows to a file, one line of JSON each, and shows them. */
export function appendRows(path: string, rows: readonly TargetRow[]): void {
  for (const row of rows) {
    Deno.writeTextFileSync(path, JSON.stringify(row) + "\n", { append: true });
    console.log(showRow(row));
  }
}

/** A row as a line of a Markdown table. */
export function showRow({ work, value, unit, target, met, note }: TargetRow): string {
  const shown = value === null ? "-" : `${Number(value.toPrecision(4))} ${unit}`;
  const verdict = met === null ? "" : met ? "met" : "MISSED";
  return `| ${work} | ${shown} | ${target} | ${verdict} | ${note ?? ""} |`;
}
