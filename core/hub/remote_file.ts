/**
 * Files on the hub.
 *
 * @module
 */

/** A file of a repository. */
export interface RemoteFile {
  /** Path in the repository. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Name of its content in the cache: the SHA-256 of a large file, else git's hash. */
  readonly etag: string;
  /** What `etag` is a hash of: the bytes, or git's blob of them. */
  readonly hash: "sha256" | "git";
}

/** Checks what was said of a file; undefined where it cannot be true. */
export function remoteFile(
  path: unknown,
  size: unknown,
  gitHash: unknown,
  sha256: unknown,
): RemoteFile | undefined {
  if (typeof path !== "string" || path === "") return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (sha256 !== undefined && sha256 !== null) {
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
    return { path, size, etag: sha256, hash: "sha256" };
  }
  if (typeof gitHash !== "string" || !/^[0-9a-f]{40}$/.test(gitHash)) return undefined;
  return { path, size, etag: gitHash, hash: "git" };
}
