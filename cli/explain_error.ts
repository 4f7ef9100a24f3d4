/**
 * Errors as the user sees them.
 *
 * @module
 */

import { SalientError } from "../mod.ts";

/** What moves the cursor, is not seen or breaks a line: names in hostile files may hold it. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** One line for an error, and the exit status it gives. */
export function explainError(
  error: unknown,
  interrupted: boolean,
): { line: string; status: number } {
  if (interrupted) {
    // A download says that it can go on; of whatever else was under way nothing is left.
    const kept = error instanceof SalientError && error.message.startsWith("Interrupted: what");
    return { line: kept ? error.message : "Interrupted, nothing was kept", status: 130 };
  }
  if (error instanceof SalientError) {
    const place = [
      error.plugin === undefined ? "" : `plugin ${error.plugin}`,
      error.hook === undefined ? "" : `hook ${error.hook}`,
      error.tensor === undefined || error.message.includes(error.tensor)
        ? ""
        : `tensor ${error.tensor}`,
      error.file === undefined || error.message.includes(error.file) ? "" : `file ${error.file}`,
    ].filter((part) => part !== "" && !error.message.includes(part)).join(", ");
    const line = error.message.replaceAll(/\s*\n+\s*/g, " ");
    const shown = place === "" ? line : `${line} (${place})`;
    return { line: shown.replaceAll(UNSEEN, escaped), status: error.exitStatus };
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    line: `${text.replaceAll(/\s*\n+\s*/g, " ")} (not expected: run again with --verbose)`,
    status: 1,
  };
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`;
}
