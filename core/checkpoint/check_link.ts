/**
 * Symbolic links among the files of a checkpoint.
 *
 * @module
 */

import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { SalientError } from "../errors.ts";
import { showName } from "./show_name.ts";

/**
 * Refuses a file that is a link out of its checkpoint's directory: a checkpoint from somewhere else must not make us
 * read, or copy along, what lies elsewhere on this machine. The directory itself may be a link. In a Hugging Face cache,
 * `models--ORG--NAME/snapshots/REVISION`, files may be links to the `blobs` of the same repository, and those to the
 * `blobs` that newer versions of `huggingface_hub` share between repositories.
 *
 * @param path The file; whether it exists is for whoever opens it.
 * @param directory The checkpoint's directory.
 * @throws {SalientError} `input`, naming the link and where it leads.
 */
export async function checkLink(path: string, directory: string): Promise<void> {
  if (!(await Deno.lstat(path)).isSymlink) return;
  const target = await Deno.realPath(path);
  const root = await Deno.realPath(directory);
  if (isInside(target, root)) return;
  const folders = blobsOf(root);
  if (folders !== undefined) {
    const hash = basename(target);
    if (dirname(target) === folders.own) return;
    if (/^[0-9a-f]{64}$/.test(hash) && dirname(target) === join(folders.shared, hash.slice(0, 2))) {
      return;
    }
  }
  throw new SalientError(
    "input",
    `${path} is a link to ${showName(target)}, outside of its directory: put the file itself there`,
    { file: path },
  );
}

function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Where a snapshot of a Hugging Face cache has its files; undefined where the directory is none. */
function blobsOf(root: string): { readonly own: string; readonly shared: string } | undefined {
  const parts = root.split(sep);
  const at = parts.lastIndexOf("snapshots");
  const isSnapshot = at > 0 && at < parts.length - 1 && parts[at - 1]?.startsWith("models--");
  if (isSnapshot !== true) return undefined;
  const repository = parts.slice(0, at).join(sep);
  return { own: join(repository, "blobs"), shared: join(dirname(repository), "blobs") };
}
