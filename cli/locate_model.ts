/**
 * The model that the command line names.
 *
 * @module
 */

import { type FetchedModel, resolveModel, SalientError } from "../mod.ts";
import { DownloadProgress } from "./download_progress.ts";

/** A model that is on this machine. */
export interface LocatedModel {
  /** Its directory or GGUF file. */
  readonly path: string;
  /** Where it is from, if that is the hub. */
  readonly hub: FetchedModel | undefined;
  /** What `--json` says of it. */
  readonly fields: { readonly model: string; readonly commit?: string };
}

/** Finds the model; one of the hub is fetched, which is shown. */
export async function locateModel(
  args: { readonly model: string; readonly json: boolean },
  signal: AbortSignal,
): Promise<LocatedModel> {
  const { model } = args;
  using progress = new DownloadProgress("download", model, args.json);
  try {
    const { path, hub } = await resolveModel(model, {
      signal,
      onProgress: ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
      onNotice: (text) => progress.notice(text),
    });
    return { path, hub, fields: { model, ...(hub === undefined ? {} : { commit: hub.commit }) } };
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const what = `Interrupted: what has come of ${model} is kept, the next run goes on from there`;
    throw new SalientError("interrupted", what, { cause });
  }
}
