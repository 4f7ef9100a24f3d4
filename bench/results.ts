/**
 * The results of a machine: what is in `results/<machine>.json`, and the Markdown made of it.
 *
 * @module
 */

import { ceilingsIn } from "./ceiling.ts";
import type { Machine } from "./machine.ts";
import type { Measure, Remark } from "./measure.ts";
import { plainTable, workTable } from "./table.ts";

/** What a piece gave. */
export interface PieceResult {
  /** `done`, or why it did not end well; what it had measured by then is kept. */
  readonly status: string;
  /** Commit it ran at. */
  readonly commit: string;
  /** When it ended, ISO 8601. */
  readonly finished: string;
  /** Seconds that it took. */
  readonly seconds: number;
  /** The command that runs it alone. */
  readonly command: string;
  /** What was measured. */
  readonly measures: readonly Measure[];
  /** Versions and failures. */
  readonly remarks: readonly Remark[];
}

/** All pieces of a machine. */
export interface Results {
  /** The machine, as it was when the last piece ran. */
  machine: Machine;
  /** By name. */
  readonly pieces: Record<string, PieceResult>;
}

/** Cuts a piece's output into what it measured and what it remarked; other lines are passed over. */
export function readItems(lines: readonly string[]): { measures: Measure[]; remarks: Remark[] } {
  const measures: Measure[] = [];
  const remarks: Remark[] = [];
  for (const line of lines) {
    if (!line.startsWith("@")) continue;
    let item: Measure | Remark;
    try {
      item = JSON.parse(line.slice(1));
    } catch {
      continue; // a line cut off when the piece was ended
    }
    if ("value" in item) measures.push(item);
    else remarks.push(item);
  }
  return { measures, remarks };
}

/** The results as Markdown: the machine, the ceilings, a table for each piece. */
export function toMarkdown({ machine, pieces }: Results): string {
  const found = pieces["ceilings"]?.measures ?? [];
  const [ceilings, ofOne] = [ceilingsIn(found), ceilingsIn(found, "one")];
  const parts = [
    `Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ` +
    `${machine.instructions}; ${machine.system}, Deno ${machine.deno}.\n`,
  ];
  for (const [name, piece] of Object.entries(pieces)) {
    const status = piece.status === "done" ? "" : `, ${piece.status}`;
    parts.push(
      `### ${name}\n`,
      `\`${piece.command}\`, ${piece.finished.slice(0, 16)}Z, commit ${piece.commit}, ` +
        `${piece.seconds.toFixed(0)} s${status}.\n`,
    );
    const abouts = piece.remarks.flatMap(({ about }) => about ?? []);
    if (abouts.length > 0) parts.push([...new Set(abouts)].map((a) => `- ${a}`).join("\n") + "\n");
    parts.push(workTable(piece.measures, ceilings, ofOne), plainTable(piece.measures));
    const failures = piece.remarks.filter(({ failed }) => failed !== undefined);
    for (const { who, failed } of failures) parts.push(`- ${who} failed: ${failed}\n`);
  }
  return parts.filter((part) => part !== "").join("\n");
}
