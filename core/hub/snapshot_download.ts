/**
 * Downloads of a whole snapshot.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { statfs } from "node:fs/promises";
import { listShards } from "../checkpoint/list_shards.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { cacheError } from "./cache_error.ts";
import type { CacheLayout } from "./cache_layout.ts";
import { downloadBlob } from "./download_blob.ts";
import type { HubClient } from "./hub_client.ts";
import type { HubModel } from "./hub_model.ts";
import { listRepository } from "./list_repository.ts";
import { lockFile } from "./lock_file.ts";
import type { RemoteFile } from "./remote_file.ts";
import { selectFiles } from "./select_files.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes that are there, those of earlier runs included. */
  readonly bytes: number;
  /** Bytes of all files, as far as these are known: those of shards once the index has come. */
  readonly totalBytes: number;
  /** Files that are complete. */
  readonly files: number;
  /** Files in all. */
  readonly totalFiles: number;
}

/** What a download needs. */
export interface SnapshotDownloadOptions {
  /** Sends the requests. */
  readonly client: HubClient;
  /** Where everything goes. */
  readonly layout: CacheLayout;
  /** The model. */
  readonly model: HubModel;
  /** Told of every piece that comes. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/** Files that are fetched at the same time. */
const CONNECTIONS = 4;

/** Fetches the files of a revision that are needed and not there yet. */
export class SnapshotDownload {
  readonly #options: SnapshotDownloadOptions;
  #bytes = 0;
  #totalBytes = 0;
  #files = 0;
  #totalFiles = 0;
  #fetching = false;

  /** Takes the options; nothing is fetched. */
  constructor(options: SnapshotDownloadOptions) {
    this.#options = options;
  }

  /**
   * Fetches, and remembers the commit once everything is there.
   *
   * @returns The commit.
   */
  async run(): Promise<string> {
    const { client, layout, model } = this.#options;
    const { commit, files } = await listRepository(client, model);
    const selection = selectFiles(files, model, client.settings.endpoint);
    await this.#fetchAll(commit, selection.files);
    if (selection.sharded) await this.#fetchAll(commit, await this.#shards(commit, files));
    await layout.remember(model.revision, commit);
    return commit;
  }

  /** The shards that the index names, which must be in the repository. */
  async #shards(commit: string, files: readonly RemoteFile[]): Promise<RemoteFile[]> {
    const { layout, model } = this.#options;
    const byName = new Map(files.map((file) => [file.path, file]));
    return (await listShards(layout.snapshot(commit))).files.map((name) => {
      const file = byName.get(name);
      if (file !== undefined) return file;
      throw new SalientError(
        "input",
        `The index of ${model.id} names ${showName(name)}, which the repository does not have at ` +
          `${model.revision}: give another revision`,
      );
    });
  }

  async #fetchAll(commit: string, files: readonly RemoteFile[]): Promise<void> {
    const { layout } = this.#options;
    this.#totalFiles += files.length;
    for (const { size } of files) this.#totalBytes += size;
    const missing: RemoteFile[] = [];
    for (const file of files) {
      if (await hasSize(join(layout.snapshot(commit), file.path), file.size)) this.#done(file.size);
      else missing.push(file);
    }
    await this.#checkSpace(missing);
    const queue = missing.values();
    const failed = new AbortController();
    const workers = Array.from({ length: CONNECTIONS }, async () => {
      for (const file of queue) {
        if (failed.signal.aborted) return;
        try {
          await this.#fetch(commit, file);
        } catch (cause) {
          failed.abort();
          throw cause;
        }
      }
    });
    // All come to rest before the first error is told, so that nothing is written after it.
    const results = await Promise.allSettled(workers);
    const error = results.find((result) => result.status === "rejected");
    if (error !== undefined) throw error.reason;
  }

  async #fetch(commit: string, file: RemoteFile): Promise<void> {
    const { client, layout, model } = this.#options;
    const blob = layout.blob(file.etag);
    using _lock = await lockFile(layout.lock(file.etag), {
      signal: client.signal,
      onWait: () =>
        client.notice(`${file.path} is being fetched by another process: waiting for it`),
    });
    if (await hasSize(blob, file.size)) this.#add(file.size);
    else {
      await Deno.mkdir(dirname(blob), { recursive: true }).catch((cause) => {
        throw cacheError(blob, cause);
      });
      const path = file.path.split("/").map(encodeURIComponent).join("/");
      this.#fetching = true;
      await downloadBlob({
        client,
        url: new URL(`${client.settings.endpoint}/${model.id}/resolve/${commit}/${path}`),
        file,
        incomplete: layout.incomplete(file.etag),
        blob,
        onBytes: (bytes) => this.#add(bytes),
      });
    }
    await layout.place(commit, file.path, file.etag);
    this.#done(0);
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    // What was there before is no progress.
    if (!this.#fetching) return;
    this.#options.onProgress?.({
      bytes: this.#bytes,
      totalBytes: this.#totalBytes,
      files: this.#files,
      totalFiles: this.#totalFiles,
    });
  }

  #done(bytes: number): void {
    this.#files++;
    this.#add(bytes);
  }

  /** Refuses what cannot fit, where Deno was allowed to ask for the free space (`--allow-sys=statfs`). */
  async #checkSpace(files: readonly RemoteFile[]): Promise<void> {
    const { client, layout } = this.#options;
    const { state } = await Deno.permissions.query({ name: "sys", kind: "statfs" });
    if (state !== "granted") return;
    let needed = 0;
    for (const { etag, size } of files) {
      if (await hasSize(layout.blob(etag), size)) continue;
      needed += size - await sizeOf(layout.incomplete(etag));
    }
    let folder = layout.folder;
    while (!(await exists(folder)) && dirname(folder) !== folder) folder = dirname(folder);
    const { bavail, bsize } = await statfs(folder);
    if (needed <= bavail * bsize) return;
    throw new SalientError(
      "input",
      `${client.id} needs ${gib(needed)} more in ${layout.folder}, whose disk has ${
        gib(bavail * bsize)
      } left: free ` +
        `some, or set HF_HUB_CACHE to a directory on another one`,
    );
  }
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

async function hasSize(path: string, size: number): Promise<boolean> {
  return await Deno.stat(path).then((found) => found.isFile && found.size === size, () => false);
}

async function sizeOf(path: string): Promise<number> {
  return await Deno.stat(path).then(({ size }) => size, () => 0);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
