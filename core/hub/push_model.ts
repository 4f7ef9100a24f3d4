/**
 * Uploads of models.
 *
 * @module
 */

import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { CommitOperation } from "@huggingface/hub";
import { isCompanion } from "../checkpoint/companions.ts";
import { INDEX_FILE, listShards } from "../checkpoint/list_shards.ts";
import { readError } from "../checkpoint/open_regular_file.ts";
import { SalientError } from "../errors.ts";
import { pushClient, type PushOptions } from "./check_push.ts";
import type { HubClient } from "./hub_client.ts";
import { HubStatus } from "./hub_status.ts";
import { listRepository } from "./list_repository.ts";
import { CONFIGS } from "./select_files.ts";

/** How a model is pushed. */
export interface PushModelOptions extends PushOptions {
  /** The text of `README.md`. Default: that of the directory, if it has one. */
  readonly card?: string | undefined;
  /** Title of the commit. Default: `Upload NAME with Salient`. */
  readonly title?: string | undefined;
  /** Told how many bytes of large files have gone, of how many. */
  readonly onProgress?: ((bytes: number, totalBytes: number) => void) | undefined;
}

/** What became of a push. */
export interface PushReport {
  /** The repository. */
  readonly id: string;
  /** Where it is. */
  readonly url: string;
  /** The commit that was made. */
  readonly commit: string;
  /** Files uploaded. */
  readonly files: readonly string[];
  /** Files of the directory that were left out, being no part of a model. */
  readonly leftOut: readonly string[];
  /** Weights that the repository had under other names, and has no longer. */
  readonly removed: readonly string[];
}

/**
 * Uploads a checkpoint's directory, or a GGUF file, as one commit. The repository is made if it is not there. Weights that
 * it has from an earlier push under names that the directory does not have are removed in the same commit, so that no
 * reader finds both. Files that are no part of a model are left out.
 *
 * Whether the directory holds a whole model is for the caller to check: by opening it.
 *
 * @param path The directory, or a file whose name ends in `.gguf`.
 * @param id The repository, `org/name`.
 * @throws {SalientError} `input` where the hub refuses or a file cannot be read; what is local stays as it is.
 */
export async function pushModel(
  path: string,
  id: string,
  options: PushModelOptions = {},
): Promise<PushReport> {
  const client = await pushClient(id, options);
  const { wanted, leftOut } = await listLocal(path);
  const operations: CommitOperation[] = [];
  let totalBytes = 0;
  for (const [name, file] of wanted) {
    if (name === "README.md" && options.card !== undefined) continue;
    operations.push({ operation: "addOrUpdate", path: name, content: pathToFileURL(file) });
    totalBytes += (await Deno.stat(file)).size;
  }
  if (options.card !== undefined) {
    const content = new Blob([options.card]);
    operations.push({ operation: "addOrUpdate", path: "README.md", content });
  }
  await createRepository(client, options.private);
  const removed = path.endsWith(".gguf") ? [] : await listStale(client, wanted);
  for (const name of removed) operations.push({ operation: "delete", path: name });

  let bytes = 0;
  client.onUpload = (count) => options.onProgress?.(bytes += count, totalBytes);
  const { commit } = await import("@huggingface/hub");
  const output = await commit({
    hubUrl: client.settings.endpoint,
    fetch: client.fetch,
    repo: { type: "model", name: id },
    title: options.title ?? `Upload ${id.split("/").at(-1)} with Salient`,
    operations,
    // Plain Git LFS: the newer protocol would cut and compress every byte here first.
    useXet: false,
    ...(client.signal === undefined ? {} : { abortSignal: client.signal }),
  }).catch((cause) => {
    client.signal?.throwIfAborted();
    if (cause instanceof SalientError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SalientError("input", `${client.host} did not take ${id}: ${firstLine(why)}`, {
      cause,
    });
  });
  options.onProgress?.(totalBytes, totalBytes);
  const oid: unknown = output?.commit.oid;
  return {
    id,
    url: `${client.settings.endpoint}/${id}`,
    commit: typeof oid === "string" ? oid : "",
    files: operations.flatMap((each) => each.operation === "addOrUpdate" ? [each.path] : []).sort(),
    leftOut,
    removed,
  };
}

/** Files by their names in the repository, and those that stay here. */
async function listLocal(
  path: string,
): Promise<{ readonly wanted: ReadonlyMap<string, string>; readonly leftOut: readonly string[] }> {
  if (path.endsWith(".gguf")) {
    return { wanted: new Map([[basename(path), resolve(path)]]), leftOut: [] };
  }
  const weights = await listShards(path);
  const names = new Set([
    ...weights.files,
    ...(weights.weightMap === undefined ? [] : [INDEX_FILE]),
  ]);
  const wanted = new Map<string, string>();
  const leftOut: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      const isPart = names.has(name) || CONFIGS.has(name) || isCompanion(name) ||
        name === "README.md";
      if (isPart && !isDirectory) wanted.set(name, resolve(join(path, name)));
      else leftOut.push(name);
    }
  } catch (cause) {
    throw readError(path, cause);
  }
  return { wanted: new Map([...wanted].sort()), leftOut: leftOut.sort() };
}

async function createRepository(client: HubClient, isPrivate: boolean | undefined): Promise<void> {
  const { createRepo } = await import("@huggingface/hub");
  try {
    await createRepo({
      hubUrl: client.settings.endpoint,
      fetch: client.fetch,
      // The client adds the token.
      accessToken: "",
      repo: { type: "model", name: client.id },
      ...(isPrivate === true ? { visibility: "private" } : {}),
    });
  } catch (cause) {
    const status = cause instanceof SalientError ? cause.cause : undefined;
    if (status instanceof HubStatus && status.status === 409) return;
    throw cause;
  }
}

/** Weights and configurations that the repository has under names that are not uploaded. */
async function listStale(
  client: HubClient,
  wanted: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const { files } = await listRepository(client, { id: client.id, revision: "main" });
  return files.map(({ path }) => path).filter((name) =>
    !wanted.has(name) &&
    (/^model(-\d+-of-\d+)?\.safetensors$/.test(name) || name === INDEX_FILE || CONFIGS.has(name))
  ).sort();
}

function firstLine(text: string): string {
  return text.replaceAll(/[\s\p{C}]+/gu, " ").slice(0, 300);
}
