/**
 * Tables on a terminal and in a file.
 *
 * @module
 */

import CliTable from "cli-table3";

/** A table as text: heads, then rows; columns of numbers are right-aligned. */
export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const numeric = heads.map((_, column) =>
    rows.every((row) => /^[-+\d.]/.test(row[column] ?? "") || (row[column] ?? "") === "")
  );
  const table = new CliTable({
    head: [...heads],
    colAligns: numeric.map((right) => right ? "right" : "left"),
    style: {
      head: Deno.noColor || !Deno.stdout.isTerminal() ? [] : ["bold"],
      border: [],
      compact: true,
    },
    chars: {
      "top": "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      "bottom": "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      "left": "",
      "left-mid": "",
      "right": "",
      "right-mid": "",
      "mid": "",
      "mid-mid": "",
      "middle": "  ",
    },
  });
  for (const row of rows) table.push([...row]);
  return table.toString().split("\n").map((line) => line.trimEnd()).join("\n");
}
