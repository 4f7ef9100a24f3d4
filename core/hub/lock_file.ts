/**
 * Locks between processes.
 *
 * @module
 */

import { dirname } from "node:path";
import { cacheError } from "./cache_error.ts";

/** How a lock is waited for. */
export interface LockOptions {
  /** Stops waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Told once that somebody else holds it. */
  readonly onWait?: () => void;
}

/** Seconds between two tries. */
const PAUSE = 0.2;

/**
 * Takes the lock of a file by the system's `flock`, as Python's `filelock` does, so that the two keep out of each
 * other's way. It ends with the process that holds it.
 *
 * @returns Disposing it gives the lock back.
 * @throws {SalientError} `input` where the file cannot be made.
 */
export async function lockFile(path: string, options: LockOptions = {}): Promise<Disposable> {
  let told = false;
  while (true) {
    options.signal?.throwIfAborted();
    const file = await openLock(path);
    try {
      if (await file.tryLock(true) && await isStill(path, file)) {
        return { [Symbol.dispose]: () => file.close() };
      }
    } catch {
      // A file system without locks: two processes may then fetch the same, and the checksum decides.
      return { [Symbol.dispose]: () => file.close() };
    }
    file.close();
    if (!told) options.onWait?.();
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 1000 * PAUSE));
  }
}

async function openLock(path: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    return await Deno.open(path, { read: true, write: true, create: true });
  } catch (cause) {
    throw cacheError(path, cause);
  }
}

/** Whether the open file is still the one of that name: its last holder may have removed it. */
async function isStill(path: string, file: Deno.FsFile): Promise<boolean> {
  const [named, open] = await Promise.all([Deno.stat(path).catch(() => undefined), file.stat()]);
  return named !== undefined && named.ino === open.ino;
}
