/**
 * A directory that is filled under a temporary name and renamed when it is complete.
 *
 * @module
 */

import { basename, dirname, resolve } from "node:path";
import { SalientError } from "../errors.ts";
import { diskError } from "./disk_error.ts";

/**
 * A directory being filled. `publish` gives it its name; disposing it before that removes it together with the
 * parents that were made for it, so that nothing half-written is left.
 */
export class OutputDirectory implements AsyncDisposable {
  /** The directory it will be, as it was given. */
  readonly directory: string;
  /** The directory it is until then: `.NAME.salient-XXXXXXXX` beside it, where nobody named another. */
  readonly temporary: string;
  readonly #target: string;
  readonly #madeParents: readonly string[];
  #state: "open" | "published" | "removed" = "open";

  private constructor(
    directory: string,
    target: string,
    temporary: string,
    madeParents: readonly string[],
  ) {
    this.directory = directory;
    this.#target = target;
    this.temporary = temporary;
    this.#madeParents = madeParents;
  }

  /**
   * Makes the temporary directory, and its parents where they are missing.
   *
   * @param at The temporary directory; it must be on the same disk and not exist.
   * @throws {SalientError} `input` where the target is a file or a directory that is not empty, or
   * cannot be made.
   */
  static async create(directory: string, at?: string): Promise<OutputDirectory> {
    if (directory === "") {
      throw new SalientError("input", "The output directory has no name: give one with --out");
    }
    let target = directory;
    try {
      target = resolve(directory);
      await checkFree(directory, target);
      const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
      const suffix = random.toString(16).padStart(8, "0");
      const temporary = at ?? resolve(dirname(target), `.${basename(target)}.salient-${suffix}`);
      const madeParents = await missingParents(target);
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.mkdir(temporary);
      return new OutputDirectory(directory, target, temporary, madeParents);
    } catch (cause) {
      throw diskError(directory, cause, undefined, "input");
    }
  }

  /**
   * Renames the directory into place.
   *
   * @throws {SalientError} `disk` where that is not possible (any more).
   */
  async publish(): Promise<void> {
    try {
      await syncDirectory(this.temporary);
      if (await kindOf(this.#target) === "empty") await Deno.remove(this.#target);
      await Deno.rename(this.temporary, this.#target);
      this.#state = "published";
      await syncDirectory(dirname(this.#target));
    } catch (cause) {
      throw diskError(this.directory, cause);
    }
  }

  /** Removes the directory unless it is published. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "removed";
    try {
      await Deno.remove(this.temporary, { recursive: true });
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw diskError(this.temporary, cause);
    }
    for (const parent of this.#madeParents) {
      // Fails, as it should, where somebody else has put something there.
      await Deno.remove(parent).catch(() => {});
    }
  }
}

type Kind = "missing" | "empty" | "full" | "other";

async function kindOf(path: string): Promise<Kind> {
  try {
    if (!(await Deno.lstat(path)).isDirectory) return "other";
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return "missing";
    throw cause;
  }
  for await (const _ of Deno.readDir(path)) return "full";
  return "empty";
}

async function checkFree(directory: string, target: string): Promise<void> {
  const kind = await kindOf(target);
  if (kind === "missing" || (kind === "empty" && target !== Deno.cwd())) return;
  const what = kind === "other" ? "exists and is not a directory" : "exists";
  throw new SalientError("input", `${directory} ${what}: choose another --out or remove it`, {
    file: directory,
  });
}

/** Parents of a path that do not exist, innermost first. */
async function missingParents(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let parent = dirname(path); await kindOf(parent) === "missing"; parent = dirname(parent)) {
    missing.push(parent);
  }
  return missing;
}

/** Asks the system to put the names in a directory on the disk; not every system can. */
async function syncDirectory(path: string): Promise<void> {
  try {
    using handle = await Deno.open(path, { read: true });
    await handle.sync();
  } catch {
    // The files themselves are synced; this only shortens the time in which a power cut undoes the names.
  }
}
