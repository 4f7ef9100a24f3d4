/**
 * The one way a JSON file is read.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { openRegularFile, readError } from "./open_regular_file.ts";
import { parseJson } from "./parse_json.ts";
import type { Json, JsonObject } from "./types.ts";

/** How large and how deep a JSON file may be. */
export interface JsonLimits {
  /** Largest size in bytes. Default 64 MiB. */
  readonly bytes?: number;
  /** Deepest nesting. Default 64. */
  readonly depth?: number;
  /** Directory of the checkpoint that the file is one of; it must not be a link out of it. */
  readonly within?: string;
}

const DEFAULT_BYTES = 64 * 2 ** 20;

/**
 * Reads a JSON file, within limits. Keys that occur twice in one object are refused.
 *
 * @throws {SalientError} `input`, naming the file.
 */
export async function readJson(path: string, limits: JsonLimits = {}): Promise<Json> {
  const most = limits.bytes ?? DEFAULT_BYTES;
  using file = await openRegularFile(path, limits.within);
  if (file.byteLength > most) {
    throw new SalientError(
      "input",
      `${path} has ${file.byteLength} bytes, more than the ${most} that such a file may have`,
      { file: path },
    );
  }
  const bytes = new Uint8Array(file.byteLength);
  await readFully(file.handle, bytes, path);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SalientError("input", `${path} is not UTF-8 text: it is damaged, fetch it again`, {
      file: path,
      cause,
    });
  }
  return parseJson(text, { file: path, depth: limits.depth });
}

/**
 * Reads a JSON file that must hold an object.
 *
 * @throws {SalientError} `input`, naming the file.
 */
export async function readJsonObject(path: string, limits: JsonLimits = {}): Promise<JsonObject> {
  const value = await readJson(path, limits);
  if (!isJsonObject(value)) {
    throw new SalientError("input", `${path} must hold a JSON object: it holds something else`, {
      file: path,
    });
  }
  return value;
}

/** Whether a JSON value is an object. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Fills `bytes` from where the file stands.
 *
 * @throws {SalientError} `input`, naming the file, where it ends before.
 */
export async function readFully(
  handle: Deno.FsFile,
  bytes: Uint8Array,
  path: string,
): Promise<void> {
  let filled = 0;
  while (filled < bytes.length) {
    let count: number | null;
    try {
      count = await handle.read(bytes.subarray(filled));
    } catch (cause) {
      throw readError(path, cause);
    }
    if (count === null) {
      throw new SalientError(
        "input",
        `${path} ended ${bytes.length - filled} bytes early: it changed while it was read`,
        { file: path },
      );
    }
    filled += count;
  }
}
