/**
 * The directories of the cache, as Python's `huggingface_hub` lays them out.
 *
 * @module
 */

import { dirname, join, relative } from "node:path";
import { cacheError } from "./cache_error.ts";

/**
 * Paths of one repository:
 *
 * ```text
 * models--org--name/blobs/ETAG                 contents, by hash
 * models--org--name/blobs/ETAG.incomplete      what has come of one so far
 * models--org--name/refs/main                  the commit that a branch was at
 * models--org--name/snapshots/COMMIT/NAME      links into blobs
 * models--org--name/trees/COMMIT.json          the list of files, where Python has stored it
 * .locks/models--org--name/ETAG.lock           held by whoever fetches a content
 * ```
 */
export class CacheLayout {
  /** Directory of the repository. */
  readonly folder: string;
  readonly #locks: string;

  /** Takes the directory of the cache and the repository's `org/name`. */
  constructor(cache: string, id: string) {
    const name = `models--${id.replaceAll("/", "--")}`;
    this.folder = join(cache, name);
    this.#locks = join(cache, ".locks", name);
  }

  /** Where a content is. */
  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /** Where a content gathers. */
  incomplete(etag: string): string {
    return `${this.blob(etag)}.incomplete`;
  }

  /** The lock of a content. */
  lock(etag: string): string {
    return join(this.#locks, `${etag}.lock`);
  }

  /** The directory of a commit. */
  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** The list of a commit's files. */
  tree(commit: string): string {
    return join(this.folder, "trees", `${commit}.json`);
  }

  /** The commit that a revision was at; undefined where it is not known. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (/^[0-9a-f]{40}$/.test(revision)) return revision;
    try {
      const text = (await Deno.readTextFile(join(this.folder, "refs", revision))).trim();
      return /^[0-9a-f]{40}$/.test(text) ? text : undefined;
    } catch {
      return undefined;
    }
  }

  /** Remembers the commit that a revision is at. A cache that cannot be written to stays as it is. */
  async remember(revision: string, commit: string): Promise<void> {
    if (await this.commitOf(revision) === commit) return;
    const path = join(this.folder, "refs", revision);
    const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(temporary, commit);
      await Deno.rename(temporary, path);
    } catch {
      await Deno.remove(temporary).catch(() => {});
    }
  }

  /**
   * Puts a content that is complete into a commit's directory: as a relative link, or, where the system or Deno's
   * permissions do not allow links, by moving it there, as Python does.
   */
  async place(commit: string, name: string, etag: string): Promise<void> {
    const path = join(this.snapshot(commit), name);
    const temporary = join(dirname(path), `.${crypto.randomUUID().slice(0, 8)}.tmp`);
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      try {
        if (!(await mayLink())) throw new Error("links need every path");
        await Deno.symlink(relative(dirname(path), this.blob(etag)), temporary);
        await Deno.rename(temporary, path);
      } catch {
        await Deno.remove(temporary).catch(() => {});
        await Deno.rename(this.blob(etag), path);
      }
    } catch (cause) {
      throw cacheError(path, cause);
    }
  }
}

/** Deno makes symbolic links only where it may read and write everywhere; it is never made to ask for that. */
async function mayLink(): Promise<boolean> {
  const [read, write] = await Promise.all([
    Deno.permissions.query({ name: "read" }),
    Deno.permissions.query({ name: "write" }),
  ]);
  return read.state === "granted" && write.state === "granted";
}
