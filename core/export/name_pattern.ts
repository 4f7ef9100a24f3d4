/**
 * Patterns of names in a `quantization_config`.
 *
 * @module
 */

import { RE2JS } from "re2js";
import { showName } from "../checkpoint/show_name.ts";
import { refuseConfig } from "./config_values.ts";

const LONGEST = 4096;

/**
 * Whether a name matches a regular expression of Python from its start on (`re.match`). It takes time linear in
 * the name whatever the pattern is: patterns come from files, and those are not trusted.
 *
 * @throws {SalientError} `input` where the pattern is too long, or no pattern (look-arounds and
 * back-references are not read).
 */
export function namePattern(source: string): (name: string) => boolean {
  if (source.length > LONGEST) {
    throw refuseConfig(`a pattern has ${source.length} characters, more than ${LONGEST}`);
  }
  try {
    const pattern = RE2JS.compile(source);
    return (name) => pattern.matcher(name).lookingAt();
  } catch {
    throw refuseConfig(`${showName(source)} is not a pattern that can be read`);
  }
}
