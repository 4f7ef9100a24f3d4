/**
 * What an engine will say of a checkpoint, for people.
 *
 * @module
 */

import type { LintReport } from "../../mod.ts";
import { printLine } from "../output.ts";

/** Prints whether an engine loads a checkpoint, and what is in its way. */
export function printLint({ target, loads, findings, tensorParallel }: LintReport): void {
  printLine();
  printLine(`${target} ${loads ? "loads it, by its own sources" : "will not load it"}`);
  for (const { severity, message, linears } of findings) {
    const [first] = linears;
    const where = first === undefined
      ? ""
      : ` (${linears.length === 1 ? first : `${linears.length} linears, first ${first}`})`;
    printLine(`  ${severity}: ${message}${where}`);
  }
  for (const { size, fits, reason } of tensorParallel) {
    printLine(`  on ${size} devices: ${fits ? "fits" : `does not fit, ${reason}`}`);
  }
}
