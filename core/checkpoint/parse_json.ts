/**
 * JSON from files that nobody vouches for.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { showName } from "./show_name.ts";
import type { Json } from "./types.ts";

/** What {@linkcode parseJson} is told of its text. */
export interface JsonSource {
  /** The file it comes from. */
  readonly file: string;
  /** What errors call it. Default the file. */
  readonly label?: string;
  /** How deep objects and arrays may lie in each other. Default 64. */
  readonly depth?: number | undefined;
}

/**
 * Parses JSON text after checking, without recursion, how deep it nests and that no object has a key
 * twice (readers disagree on which of the two counts).
 *
 * @throws {SalientError} `input`, naming the file.
 */
export function parseJson(text: string, source: JsonSource): Json {
  checkStructure(text, source);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw invalid(source, cause);
  }
}

/**
 * Walks the text once. It only has to be right for valid JSON: JSON.parse refuses everything else
 * afterwards, and the walk itself is bounded by the text and the depth.
 */
function checkStructure(text: string, source: JsonSource): void {
  const { file, label = file, depth = 64 } = source;
  // One entry for each open object (its keys) or array (undefined).
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "{":
      case "[":
        if (open.length === depth) {
          throw new SalientError(
            "input",
            `${label} nests objects and arrays more than ${depth} deep: it is damaged or not what it claims`,
            { file },
          );
        }
        keyNext = text[at] === "{";
        open.push(keyNext ? new Set() : undefined);
        break;
      case "}":
      case "]":
        open.pop();
        keyNext = false;
        break;
      case ",":
        keyNext = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = stringEnd(text, at);
        if (end < 0) throw invalid(source);
        const keys = open.at(-1);
        if (keyNext && keys !== undefined) {
          const key = unquote(text.slice(at, end + 1), source);
          if (keys.has(key)) {
            throw new SalientError(
              "input",
              `${label} has the key ${
                showName(key)
              } twice in one object: it is damaged or was tampered with`,
              { file },
            );
          }
          keys.add(key);
        }
        keyNext = false;
        at = end;
        break;
      }
    }
  }
}

/** Index of the quote that closes the string opened at `start`, or -1. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

function unquote(quoted: string, source: JsonSource): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch (cause) {
    throw invalid(source, cause);
  }
}

function invalid({ file, label = file }: JsonSource, cause?: unknown): SalientError {
  return new SalientError(
    "input",
    `${label} is not valid JSON: it is damaged or cut short, fetch it again`,
    { file, cause },
  );
}
