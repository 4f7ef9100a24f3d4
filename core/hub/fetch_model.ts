/**
 * Models of the hub, on this machine.
 *
 * @module
 */

import { join } from "node:path";
import { SalientError } from "../errors.ts";
import { CacheLayout } from "./cache_layout.ts";
import { type CachedSnapshot, cachedSnapshot } from "./cached_snapshot.ts";
import { HubStatus } from "./hub_status.ts";
import { mayConnect, networkFlags } from "./check_network.ts";
import { HubClient } from "./hub_client.ts";
import type { HubModel } from "./hub_model.ts";
import { type HubSettings, hubSettings } from "./hub_settings.ts";
import type { RequestOptions } from "./request_options.ts";
import { type DownloadProgress, SnapshotDownload } from "./snapshot_download.ts";

/** How a model is fetched. */
export interface FetchModelOptions extends RequestOptions {
  /** Where the hub and the cache are, and who asks. Default: what the environment says. */
  readonly settings?: Partial<HubSettings>;
  /** Told of every piece that comes. What has come by the time it is stopped is kept. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** A model of the hub that is on this machine. */
export interface FetchedModel extends HubModel {
  /** Its directory in the cache, or its GGUF file. */
  readonly path: string;
  /** The commit that `revision` is at. */
  readonly commit: string;
}

/**
 * Fetches what is needed of a model into the cache that Python's `huggingface_hub` uses too, or finds it there: the
 * configuration, tokenizer and template, and the safetensors. What has come in part is continued; every content is
 * checked against the hash that the repository names.
 *
 * Without network (`HF_HUB_OFFLINE`, no permission, or a hub that does not answer) the snapshot that the cache has of
 * the revision is used, if it is whole.
 *
 * @throws {SalientError} `input` where the hub refuses or cannot be reached, the cache cannot be written, or a content
 * is not what it should be.
 */
export async function fetchModel(
  model: HubModel,
  options: FetchModelOptions = {},
): Promise<FetchedModel> {
  const settings = { ...await hubSettings(), ...options.settings };
  const url = new URL(settings.endpoint);
  if (settings.cache === undefined) {
    throw new SalientError(
      "input",
      `${model.id} is no directory here, and as a model of the hub it has no place: HOME is not set, or Deno was not ` +
        `allowed to read it; ${networkFlags(url, settings.endpoint)}`,
    );
  }
  const layout = new CacheLayout(settings.cache, model.id);
  const cached = await cachedSnapshot(layout, model, settings.endpoint);
  const whole = cached !== undefined && cached.missing === undefined ? cached : undefined;
  if (settings.offline) {
    return fetched(
      model,
      whole ?? refuseOffline(model, cached, "HF_HUB_OFFLINE is set: set it to 0"),
    );
  }
  if (!(await mayConnect(url))) {
    const flags = networkFlags(url, settings.endpoint);
    return fetched(
      model,
      whole ?? refuseOffline(model, cached, `Deno was not allowed to ask ${url.host}: ${flags}`),
    );
  }
  const { signal, onNotice, attempts, backoff, patience } = options;
  const { id, revision } = model;
  const client = new HubClient({
    settings,
    id,
    revision,
    signal,
    onNotice,
    // Where a cached snapshot will do, nobody wants to wait long for a hub that is down.
    attempts: whole === undefined ? attempts : Math.min(2, attempts ?? 2),
    backoff,
    patience,
  });
  const download = new SnapshotDownload({ client, layout, model, onProgress: options.onProgress });
  try {
    const commit = await download.run();
    return fetched(model, { commit, directory: layout.snapshot(commit) });
  } catch (cause) {
    const status = cause instanceof SalientError ? cause.cause : undefined;
    const away = status instanceof HubStatus && status.isAway;
    if (!away || whole === undefined) throw cause;
    onNotice?.(
      `${(cause as SalientError).message}; using the snapshot ${
        whole.commit.slice(0, 12)
      } of the cache`,
    );
    return fetched(model, whole);
  }
}

function fetched(
  model: HubModel,
  { commit, directory }: Pick<CachedSnapshot, "commit" | "directory">,
): FetchedModel {
  const path = model.file === undefined ? directory : join(directory, model.file);
  return { ...model, commit, path };
}

function refuseOffline(
  model: HubModel,
  cached: CachedSnapshot | undefined,
  advice: string,
): never {
  const what = cached?.missing === undefined
    ? `is not in the cache at ${model.revision}`
    : `is in the cache without ${cached.missing}`;
  throw new SalientError(
    "input",
    `${model.id} is no directory here, and as a model of the hub it ${what}; ${advice}`,
  );
}
