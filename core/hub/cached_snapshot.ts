/**
 * Snapshots that are in the cache already.
 *
 * @module
 */

import { join } from "node:path";
import { INDEX_FILE, listShards, SINGLE_FILE } from "../checkpoint/list_shards.ts";
import { isJsonObject, readJsonObject } from "../checkpoint/read_json.ts";
import type { CacheLayout } from "./cache_layout.ts";
import type { HubModel } from "./hub_model.ts";
import { type RemoteFile, remoteFile } from "./remote_file.ts";
import { selectFiles } from "./select_files.ts";

/** A snapshot that is there. */
export interface CachedSnapshot {
  /** Its commit. */
  readonly commit: string;
  /** Its directory. */
  readonly directory: string;
  /** A file that it lacks; undefined where it is whole as far as one can tell. */
  readonly missing: string | undefined;
}

/**
 * Looks for a snapshot, made by us or by Python. Whether it is whole is decided by the list of files that newer Pythons
 * store; without one by `config.json` and the weights.
 *
 * @returns The snapshot, or undefined where there is none of that revision.
 */
export async function cachedSnapshot(
  layout: CacheLayout,
  model: HubModel,
  endpoint: string,
): Promise<CachedSnapshot | undefined> {
  const commit = await layout.commitOf(model.revision);
  if (commit === undefined) return undefined;
  const directory = layout.snapshot(commit);
  if (!(await isThere(directory))) return undefined;
  for (const name of await wanted(layout, commit, model, endpoint)) {
    if (!(await isThere(join(directory, name)))) return { commit, directory, missing: name };
  }
  if (model.file !== undefined) return { commit, directory, missing: undefined };
  try {
    for (const name of (await listShards(directory)).files) {
      if (!(await isThere(join(directory, name)))) return { commit, directory, missing: name };
    }
  } catch {
    return { commit, directory, missing: `${SINGLE_FILE} or ${INDEX_FILE}` };
  }
  return { commit, directory, missing: undefined };
}

/** Names of the files that must be there. */
async function wanted(
  layout: CacheLayout,
  commit: string,
  model: HubModel,
  endpoint: string,
): Promise<readonly string[]> {
  if (model.file !== undefined) return [model.file];
  const listed = await readTree(layout.tree(commit));
  if (listed === undefined) return ["config.json"];
  try {
    return selectFiles(listed, model, endpoint).files.map(({ path }) => path);
  } catch {
    return ["config.json"];
  }
}

/** The list of files that Python has stored, those of the first level. */
async function readTree(path: string): Promise<readonly RemoteFile[] | undefined> {
  try {
    const { format_version, files } = await readJsonObject(path);
    if (format_version !== 1 || !isJsonObject(files)) return undefined;
    return Object.entries(files).flatMap(([name, info]) => {
      if (name.includes("/") || !isJsonObject(info)) return [];
      return remoteFile(name, info.size, info.blob_id, info.lfs_sha256) ?? [];
    });
  } catch {
    return undefined;
  }
}

/** Whether a path leads to something; a link whose content was removed does not. */
async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
