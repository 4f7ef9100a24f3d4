/**
 * Pushing to the hub, with its progress shown.
 *
 * @module
 */

import { pushModel, type PushReport, SalientError } from "../mod.ts";
import { DownloadProgress } from "./download_progress.ts";
import { quoteWord } from "./quote_word.ts";

/** What is pushed, and to where. */
export interface PushCheckpointOptions {
  /** Directory or GGUF file. */
  readonly path: string;
  /** The repository. */
  readonly id: string;
  /** Whether it is to be private. */
  readonly private: boolean;
  /** Text of `README.md`; that of the directory if not given. */
  readonly card?: string | undefined;
  /** Whether the command prints JSON. */
  readonly json: boolean;
  /** Stops it. */
  readonly signal: AbortSignal;
}

/** Uploads; where that fails, the error says how to go on. */
export async function pushCheckpoint(options: PushCheckpointOptions): Promise<PushReport> {
  const { path, id, card, json, signal } = options;
  using progress = new DownloadProgress("upload", id, json);
  try {
    return await pushModel(path, id, {
      private: options.private,
      card,
      signal,
      onProgress: (bytes, totalBytes) => progress.update(bytes, totalBytes),
      onNotice: (text) => progress.notice(text),
    });
  } catch (cause) {
    const flags = options.private ? " --private" : "";
    const again = `${path} is whole: push it again with salient push ${
      quoteWord(path)
    } ${id}${flags}`;
    if (signal.aborted) throw new SalientError("interrupted", `Interrupted: ${again}`, { cause });
    if (!(cause instanceof SalientError)) throw cause;
    throw new SalientError(cause.code, `${cause.message}; ${again}`, { cause });
  }
}
