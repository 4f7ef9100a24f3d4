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
  return formatTable(
    ["method", "bits", "group", "perplexity", "against original", "size", "time"],
    rows.map((row, index) => {
      const [value, difference = ""] = formatPerplexity(
        row.perplexity,
        index === 0 ? undefined : original,
      ).split(" (");
      return [
        row.method,
        String(row.bits),
        row.groupSize === null ? "" : String(row.groupSize),
        value ?? "",
        difference.replace(")", ""),
        formatBytes(row.bytes),
        row.seconds === 0 ? "" : formatSeconds(row.seconds),
      ];
    }),
  );
}
