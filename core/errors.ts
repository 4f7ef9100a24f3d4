/**
 * The one error class of Salient.
 *
 * @module
 */

/** What went wrong, in one word; decides the exit status of the command. */
export type ErrorCode =
  | "usage"
  | "input"
  | "plugin"
  | "backend"
  | "memory"
  | "disk"
  | "interrupted"
  | "failed";

/** Where an error happened. */
export interface ErrorPlace {
  /** The plugin whose hook failed. */
  plugin?: string;
  /** The hook that failed. */
  hook?: string;
  /** The tensor or layer at hand. */
  tensor?: string;
  /** The file at hand. */
  file?: string;
  /** What was thrown below. */
  cause?: unknown;
}

/** What moves the cursor, breaks a line or turns the direction of text. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A text as one line without control characters: names and values from files that nobody vouches for stand in messages,
 * and messages stand on terminals.
 */
function oneLine(text: string): string {
  return text.replace(/\s*[\n\r]+\s*/g, " ").replace(
    CONTROL,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
  );
}

/**
 * An error with a code and a place. Its message is one line: what is wrong, where, and what to do.
 *
 * @example A refused group size
 * ```ts
 * import { SalientError } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const error = new SalientError("input", "Group size 96 does not divide 128: use 32 or 64", {
 *   tensor: "model.layers.0.self_attn.q_proj",
 * });
 * assert.equal(error.exitStatus, 2);
 * ```
 */
export class SalientError extends Error {
  /** The class's name, for reports. */
  override name = "SalientError";
  /** What went wrong, in one word. */
  readonly code: ErrorCode;
  /** The plugin whose hook failed, if one did. */
  readonly plugin?: string;
  /** The hook that failed, if one did. */
  readonly hook?: string;
  /** The tensor or layer at hand, if any. */
  readonly tensor?: string;
  /** The file at hand, if any. */
  readonly file?: string;

  /** Makes an error with a code, one line of text, and a place. */
  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(oneLine(message), place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    if (place.plugin !== undefined) this.plugin = place.plugin;
    if (place.hook !== undefined) this.hook = place.hook;
    if (place.tensor !== undefined) this.tensor = place.tensor;
    if (place.file !== undefined) this.file = place.file;
  }

  /** 2 where the input or the usage was refused, 130 where the user interrupted, 1 otherwise. */
  get exitStatus(): number {
    if (this.code === "usage" || this.code === "input") return 2;
    return this.code === "interrupted" ? 130 : 1;
  }
}
