/**
 * Values from files and options, made fit for a message.
 *
 * @module
 */

import { showName } from "./checkpoint/show_name.ts";

/** A value of any kind as it may stand in an error, on one line and cut where it is long. Never throws. */
export function showValue(value: unknown): string {
  // String() calls toString, which an object out of a JSON file may have as a number.
  if (typeof value !== "object" || value === null) return showName(String(value));
  try {
    return showName(JSON.stringify(value));
  } catch {
    return Array.isArray(value) ? "a list" : "an object";
  }
}
