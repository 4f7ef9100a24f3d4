/**
 * Methods, and plugins, with `+` between.
 *
 * @module
 */

import { message, text } from "@optique/core/message";
import type { NonEmptyString } from "@optique/core/nonempty";
import { findSimilar } from "@optique/core/suggestion";
import type { ValueParser, ValueParserResult } from "@optique/core/valueparser";
import { METHOD_NAMES } from "./method_names.ts";

/** Names of methods, files and packages, in the order in which they run. */
export type MethodChain = readonly string[];

/** A parser of `awq`, `awq+gptq`, `./mine.ts`, `npm:mine+rtn` and the like. */
export function methodChain(metavar: NonEmptyString): ValueParser<"sync", MethodChain> {
  return {
    mode: "sync",
    metavar,
    placeholder: [],
    parse(input: string): ValueParserResult<MethodChain> {
      const parts = input.split("+").map((part) => part.trim());
      const wrong = parts.find((part) => !isMethod(part) && !isPluginSpecifier(part));
      if (wrong === undefined) return { success: true, value: parts };
      const [meant] = findSimilar(wrong, METHOD_NAMES, { maxDistance: 3 });
      const advice = meant === undefined
        ? `use ${
          METHOD_NAMES.join(", ")
        }, several with + between, or a plugin as ./file.ts or npm:package`
        : `did you mean ${meant}?`;
      return { success: false, error: message`Method ${wrong} is unknown: ${text(advice)}` };
    },
    format: (parts) => parts.join("+"),
    *suggest(prefix) {
      for (const name of METHOD_NAMES) {
        if (name.startsWith(prefix)) yield { kind: "literal", text: name };
      }
    },
  };
}

/** Whether this is a method that comes with Salient. */
function isMethod(part: string): boolean {
  return (METHOD_NAMES as readonly string[]).includes(part);
}

/** Whether this names a file or a package. */
export function isPluginSpecifier(part: string): boolean {
  return /^(\.{0,2}\/|npm:|jsr:|file:)/.test(part) || /\.[cm]?[jt]s$/.test(part);
}
