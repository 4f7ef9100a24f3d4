/**
 * Hidden states between two blocks as a file.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { diskError } from "../checkpoint/disk_error.ts";
import { createFileOnDisk, OutputFile } from "../checkpoint/output_file.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import type { Ops } from "../backend.ts";
import type { HiddenStates } from "../pipeline/hidden_states.ts";
import { tensorBytes } from "../pipeline/tensor_bytes.ts";

/** What a journal remembers of the file. */
export interface SavedStates {
  /** Its length. */
  readonly bytes: number;
  /** Its hash, in hexadecimal. */
  readonly sha256: string;
}

/** Windows that are read, and written, together. */
interface Batches {
  readonly samples: number;
  readonly batch: number;
}

/** Writes all hidden states to a new file, which has its name once it is on the disk. */
export async function saveStates(
  ops: Ops,
  hidden: HiddenStates,
  path: string,
  { samples, batch }: Batches,
): Promise<SavedStates> {
  const hash = createHash("sha256");
  let bytes = 0;
  const part = `${path}.part`;
  {
    using file = await OutputFile.create(part, createFileOnDisk);
    for (let first = 0; first < samples; first += batch) {
      using states = await hidden.read(first, Math.min(batch, samples - first));
      for (const piece of tensorBytes(ops, states)) {
        hash.update(piece);
        await file.write(piece, bytes);
        bytes += piece.length;
      }
    }
    await file.finish();
  }
  try {
    await Deno.rename(part, path);
  } catch (cause) {
    throw diskError(path, cause);
  }
  return { bytes, sha256: hash.digest("hex") };
}

/**
 * Fills hidden states from a file.
 *
 * @param shape Tokens of a window, and channels of a token.
 * @throws {SalientError} `input` where the file is not the one that was written.
 */
export async function restoreStates(
  ops: Ops,
  hidden: HiddenStates,
  path: string,
  saved: SavedStates,
  { samples, batch, seqLen, width }: Batches & { readonly seqLen: number; readonly width: number },
): Promise<void> {
  const windowBytes = seqLen * width * 4;
  if (saved.bytes !== samples * windowBytes) throw damaged(path);
  const hash = createHash("sha256");
  try {
    if (!(await Deno.lstat(path)).isFile) throw damaged(path);
    using file = await Deno.open(path, { read: true });
    if ((await file.stat()).size !== saved.bytes) throw damaged(path);
    for (let first = 0; first < samples; first += batch) {
      const count = Math.min(batch, samples - first);
      const bytes = new Uint8Array(count * windowBytes);
      for (let done = 0; done < bytes.length;) {
        const read = await file.read(bytes.subarray(done));
        if (read === null) throw damaged(path);
        done += read;
      }
      hash.update(bytes);
      using states = ops.upload(bytes, "F32", [count * seqLen, width]);
      discard(bytes);
      await hidden.write(first, states);
    }
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) throw damaged(path);
    throw diskError(path, cause);
  }
  if (hash.digest("hex") !== saved.sha256) throw damaged(path);
}

function damaged(path: string): SalientError {
  return new SalientError(
    "input",
    `${path} is missing or damaged, so that nothing can go on from it: remove its folder to start over`,
    { file: path },
  );
}
