/**
 * What is in a repository.
 *
 * @module
 */

import { dirname } from "node:path/posix";
import { SalientError } from "../errors.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { HubClient } from "./hub_client.ts";
import { type HubModel, isPlainPath } from "./hub_model.ts";
import { type RemoteFile, remoteFile } from "./remote_file.ts";

/** A revision of a repository. */
export interface Repository {
  /** Its commit. */
  readonly commit: string;
  /** Files of its first level, or of the folder that the wanted file is in. */
  readonly files: readonly RemoteFile[];
}

/** More entries than any folder of a model has. */
const MOST_ENTRIES = 100_000;

/**
 * Asks the hub for a revision's commit and its files. The library speaks the protocol; the client waits, tries again and
 * turns refusals into errors.
 *
 * @throws {SalientError} `input` where the hub refuses, or its answer cannot be trusted.
 */
export async function listRepository(client: HubClient, model: HubModel): Promise<Repository> {
  // Loaded only where the hub is asked: it takes a tenth of a second.
  const { listFiles, modelInfo } = await import("@huggingface/hub");
  const asked = { hubUrl: client.settings.endpoint, fetch: client.fetch };
  const { id, revision, file } = model;
  const info = await answer(
    client,
    () => modelInfo({ ...asked, name: id, revision, additionalFields: ["sha"] }),
  );
  const commit: unknown = info.sha;
  if (typeof commit !== "string" || !/^[0-9a-f]{40}$/.test(commit)) {
    throw nonsense(client, "a commit");
  }
  const folder = file === undefined ? "." : dirname(file);
  const files: RemoteFile[] = [];
  let entries = 0;
  await answer(client, async () => {
    const path = folder === "." ? {} : { path: folder };
    for await (const entry of listFiles({ ...asked, repo: id, revision: commit, ...path })) {
      if (++entries > MOST_ENTRIES) throw nonsense(client, "fewer files");
      if (entry.type !== "file") continue;
      const found = remoteFile(entry.path, entry.size, entry.oid, entry.lfs?.oid);
      if (found === undefined) throw nonsense(client, "sizes and hashes of files");
      if (!isPlainPath(found.path)) {
        throw new SalientError(
          "input",
          `${id} on ${client.host} names a file ${
            showName(found.path)
          }, which would be put outside its folder: ` +
            `do not use this repository`,
        );
      }
      files.push(found);
    }
  });
  return { commit, files };
}

/** Answers that are no JSON, or lack what the library looks for, make it throw errors of all kinds. */
async function answer<T>(client: HubClient, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    client.signal?.throwIfAborted();
    if (cause instanceof SalientError) throw cause;
    throw nonsense(client, "what was asked for", cause);
  }
}

function nonsense(client: HubClient, what: string, cause?: unknown): SalientError {
  return new SalientError(
    "input",
    `${client.host} does not answer as a hub does (${what} is missing): check HF_ENDPOINT`,
    cause === undefined ? {} : { cause },
  );
}
