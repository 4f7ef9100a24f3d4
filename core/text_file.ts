/**
 * The one way a text file is read.
 *
 * @module
 */

import { openRegularFile, readError } from "./checkpoint/open_regular_file.ts";
import { readFully } from "./checkpoint/read_json.ts";
import { SalientError } from "./errors.ts";

/** Largest text that is read as one piece: tokenizing it takes about a minute. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * Reads a UTF-8 text file; a byte order mark at its start is dropped.
 *
 * @param path The file.
 * @param mostBytes Largest size allowed. Default 64 MiB.
 * @param within Directory of the checkpoint that the file is one of; it must not be a link out of it.
 * @throws {SalientError} `input`, naming the file, where it is missing, unreadable, a directory, too
 * large, or not UTF-8 text (with the offset of the first byte that is not).
 */
export async function readTextFile(
  path: string,
  mostBytes: number = MOST_BYTES,
  within?: string,
): Promise<string> {
  await refuseDirectory(path, "a text file");
  using file = await openRegularFile(path, within);
  if (file.byteLength > mostBytes) {
    throw new SalientError(
      "input",
      `${path} has ${file.byteLength} bytes, more than the ${mostBytes} of a single text: ` +
        `cut it, or give it as JSONL or parquet`,
      { file: path },
    );
  }
  const bytes = new Uint8Array(file.byteLength);
  await readFully(file.handle, bytes, path);
  return decodeText(bytes, path);
}

/**
 * Decodes UTF-8; a byte order mark at the start is dropped.
 *
 * @throws {SalientError} `input`, naming the file and the offset of the first byte that is not text.
 */
export function decodeText(bytes: Uint8Array, path: string): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let from = 0;
  // A replacement character is either in the file or stands for bytes that are not UTF-8. A zero byte
  // is valid UTF-8, but no text has one.
  for (const { index, 0: found } of text.matchAll(/[\0\uFFFD]/g)) {
    offset += new TextEncoder().encode(text.slice(from, index)).length;
    from = index;
    if (found === "\0" || bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf) {
      throw new SalientError(
        "input",
        `${path} is not UTF-8 text: byte ${offset} is not part of a character, ` +
          `give a plain text, JSONL or parquet file`,
        { file: path },
      );
    }
  }
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

/**
 * Refuses a directory with words that say what is wanted instead.
 *
 * @throws {SalientError} `input`, naming the path.
 */
export async function refuseDirectory(path: string, wanted: string): Promise<void> {
  try {
    if ((await Deno.stat(path)).isDirectory) {
      throw new SalientError("input", `${path} is a directory: give ${wanted}`, { file: path });
    }
  } catch (cause) {
    throw readError(path, cause);
  }
}
