/**
 * Single files that get their name once they are whole.
 *
 * @module
 */

import { basename, dirname, resolve } from "node:path";
import { SalientError } from "../errors.ts";
import { diskError } from "./disk_error.ts";
import { type CreateFile, createFileOnDisk, OutputFile } from "./output_file.ts";

/**
 * A file being written as `.NAME.salient-XXXXXXXX` beside its place. `publish` renames it; disposing it before
 * that removes it, and the folders that were made for it.
 */
export class OutputPath implements AsyncDisposable {
  /** The file it will be, as it was given. */
  readonly path: string;
  /** Its whole name until it is complete. */
  readonly temporary: string;
  /** Takes the bytes. */
  readonly file: OutputFile;
  readonly #target: string;
  readonly #madeFolders: readonly string[];
  #published = false;

  private constructor(
    path: string,
    target: string,
    temporary: string,
    madeFolders: readonly string[],
    file: OutputFile,
  ) {
    this.path = path;
    this.#target = target;
    this.temporary = temporary;
    this.#madeFolders = madeFolders;
    this.file = file;
  }

  /**
   * Creates the file, and its folders where they are missing.
   *
   * @param at Its temporary name; it must be on the same disk and not exist.
   * @throws {SalientError} `input` where the path is taken or cannot be made.
   */
  static async create(
    path: string,
    createFile: CreateFile = createFileOnDisk,
    at?: string,
  ): Promise<OutputPath> {
    const target = resolve(path);
    const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const suffix = random.toString(16).padStart(8, "0");
    const temporary = at ?? `${dirname(target)}/.${basename(target)}.salient-${suffix}`;
    try {
      await checkFree(path, target);
      const missing: string[] = [];
      for (let each = dirname(target); !(await exists(each)); each = dirname(each)) {
        missing.push(each);
      }
      await Deno.mkdir(dirname(target), { recursive: true });
      const file = await OutputFile.create(temporary, createFile);
      return new OutputPath(path, target, temporary, missing, file);
    } catch (cause) {
      throw diskError(path, cause, undefined, "input");
    }
  }

  /**
   * Waits for the disk and renames the file into place. `check` is shown it before that under its temporary
   * name; if it throws, nothing is renamed.
   */
  async publish(check?: (path: string) => Promise<void>): Promise<void> {
    await this.file.finish();
    await check?.(this.temporary);
    await checkFree(this.path, this.#target);
    try {
      await Deno.rename(this.temporary, this.#target);
    } catch (cause) {
      throw diskError(this.path, cause);
    }
    this.#published = true;
  }

  /** Removes the file unless it is published. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.file[Symbol.dispose]();
    if (this.#published) return;
    this.#published = true;
    await Deno.remove(this.temporary).catch(() => {});
    // Fails, as it should, where somebody else has put something there.
    for (const folder of this.#madeFolders) await Deno.remove(folder).catch(() => {});
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
}

async function checkFree(path: string, target: string): Promise<void> {
  if (path === "" || path.endsWith("/")) {
    throw new SalientError("input", `${path || "The output"} is not a file's name: give one`);
  }
  if (!(await exists(target))) return;
  const { isDirectory } = await Deno.lstat(target);
  const what = isDirectory
    ? `is a directory: give the name of a file, such as ${path}/model.gguf`
    : "exists: choose another --out or remove it";
  throw new SalientError("input", `${path} ${what}`, { file: path });
}
