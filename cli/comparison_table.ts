/**
 * The table of methods.
 *
 * @module
 */

import { formatBytes, formatPerplexity, formatSeconds } from "./format.ts";
import type { MeasuredRow } from "./measure_methods.ts";
import { formatTable } from "./table.ts";

/** Rows as a table, each with its difference to the first, which is the original. */
export function comparisonTable(rows: readonly MeasuredRow[]): string {
  const original = rows[0]?.perplexity;
  // Where linears differ, the bits of one of them say little.
  const mixed = rows.some((row) => row.targetBits !== null);
  return formatTable(
    [
      "method",
      "bits",
      ...mixed ? ["bits a weight"] : [],
      "group",
      "perplexity",
      "against original",
      "size",
      "time",
    ],
    rows.map((row, index) => {
      const [value, difference = ""] = formatPerplexity(
        row.perplexity,
        index === 0 ? undefined : original,
      ).split(" (");
      return [
        row.method,
        row.targetBits === null ? String(row.bits) : `target ${row.targetBits}`,
        ...mixed ? [row.bitsPerWeight?.toFixed(3) ?? ""] : [],
        row.groupSize === null ? "" : String(row.groupSize),
        value ?? "",
        difference.replace(")", ""),
        formatBytes(row.bytes),
        row.seconds === 0 ? "" : formatSeconds(row.seconds),
      ];
    }),
  );
}
