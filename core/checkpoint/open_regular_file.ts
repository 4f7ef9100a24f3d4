/**
 * The one way a file of a checkpoint is opened for reading.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { checkLink } from "./check_link.ts";

/** An open file and its length. */
export interface RegularFile extends Disposable {
  /** The open file, at its start. */
  readonly handle: Deno.FsFile;
  /** Length in bytes. */
  readonly byteLength: number;
}

/**
 * Opens a regular file for reading. Symbolic links are followed (a Hugging Face cache is made of them);
 * what they lead to must be a regular file, never a device, a pipe or a directory.
 *
 * @param path The file.
 * @param within The checkpoint's directory, where it is one of a checkpoint's files: links out of it are refused, as
 * {@linkcode checkLink} says. A file that the user named may be a link to anywhere.
 * @throws {SalientError} `input`, naming the file, where it is missing, unreadable or not a file.
 */
export async function openRegularFile(path: string, within?: string): Promise<RegularFile> {
  try {
    if (within !== undefined) await checkLink(path, within);
    // Looked at before it is opened: opening a pipe would wait for its other end.
    if (!(await Deno.stat(path)).isFile) {
      throw new SalientError(
        "input",
        `${path} is not a regular file: give a checkpoint's own files`,
        {
          file: path,
        },
      );
    }
    const handle = await Deno.open(path, { read: true });
    try {
      const byteLength = (await handle.stat()).size;
      return { handle, byteLength, [Symbol.dispose]: () => handle.close() };
    } catch (cause) {
      handle.close();
      throw cause;
    }
  } catch (cause) {
    throw readError(path, cause);
  }
}

/** The input error for something that went wrong while a file was read. */
export function readError(path: string, cause: unknown): SalientError {
  if (cause instanceof SalientError) return cause;
  const place = { file: path, cause };
  if (cause instanceof Deno.errors.NotFound) {
    return new SalientError("input", `${path} does not exist: check the path`, place);
  }
  if (cause instanceof Deno.errors.NotCapable) {
    return new SalientError(
      "input",
      `${path} may not be read: run with --allow-read for its folder`,
      place,
    );
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new SalientError("input", `${path} cannot be read: change its permissions`, place);
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SalientError("input", `${path} cannot be read: ${firstLine(reason)}`, place);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
