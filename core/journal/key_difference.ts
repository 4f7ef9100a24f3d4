/**
 * How two runs differ.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";

/** Longest value that is shown. */
const SHOWN = 40;

/** What differs between the keys of two runs, in a few words; undefined where they are equal. */
export function keyDifference(
  then: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string | undefined {
  const names = new Set([...Object.keys(then), ...Object.keys(now)]);
  const different = [...names].filter((name) => then[name] !== now[name]);
  if (different.length === 0) return undefined;
  return different.map((name) => {
    const [before = "none", after = "none"] = [then[name], now[name]];
    // Hashes and lists tell people nothing.
    const isShort = before.length <= SHOWN && after.length <= SHOWN;
    return isShort ? `${name} (${showName(before)} then, ${showName(after)} now)` : name;
  }).join(", ");
}
