/**
 * What is fuzzed.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";

/** Files of a directory by name. */
export type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Something that reads files which nobody vouches for. */
export interface FuzzReader {
  /** Its name on the command line. */
  readonly name: string;
  /**
   * Valid sets of files, small ones, each of which `read` accepts.
   *
   * @param folder An empty folder to make them in.
   */
  corpus(folder: string, backend: Backend): Promise<readonly Files[]>;
  /**
   * Reads a directory to the end. Whatever it throws that is not a refusal is a fault of the reader.
   *
   * @param directory Holds files of the corpus, damaged.
   */
  read(directory: string, backend: Backend): Promise<void>;
}

/** The files of a folder, by name; folders inside it are left out. */
export async function filesOf(folder: string): Promise<Files> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const entries = await Array.fromAsync(Deno.readDir(folder));
  for (const { name, isFile } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (isFile) files.set(name, await Deno.readFile(`${folder}/${name}`));
  }
  return files;
}
