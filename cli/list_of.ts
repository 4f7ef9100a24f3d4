/**
 * Values with commas between.
 *
 * @module
 */

import type { NonEmptyString } from "@optique/core/nonempty";
import type { ValueParser, ValueParserResult } from "@optique/core/valueparser";

/** A parser of a list whose items another parser reads. */
export function listOf<T>(
  item: ValueParser<"sync", T>,
  metavar: NonEmptyString,
): ValueParser<"sync", readonly T[]> {
  return {
    mode: "sync",
    metavar,
    placeholder: [],
    parse(input: string): ValueParserResult<readonly T[]> {
      const items: T[] = [];
      for (const part of input.split(",")) {
        const result = item.parse(part.trim());
        if (!result.success) return result;
        items.push(result.value);
      }
      return { success: true, value: items };
    },
    format: (items) => items.map((value) => item.format(value)).join(","),
  };
}
