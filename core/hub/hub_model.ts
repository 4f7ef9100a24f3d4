/**
 * Models as they are named on the hub.
 *
 * @module
 */

/** A model on the hub, as the user wrote it. */
export interface HubModel {
  /** Owner and name, `org/name`. */
  readonly id: string;
  /** Branch, tag, commit or reference such as `refs/pr/1`; `main` if none was given. */
  readonly revision: string;
  /** A single file of the repository, for one that holds GGUF files. */
  readonly file?: string;
}

const NAME = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?";
const PATTERN = new RegExp(`^(${NAME}/${NAME})(?:@([A-Za-z0-9_][\\w./+-]{0,255}))?(?::(.+))?$`);

/**
 * Takes `org/name[@revision][:file.gguf]` apart.
 *
 * @param text What the user wrote.
 * @returns The model, or undefined where the text is a path: it starts with `.` or `/`, is no owner and name, or ends
 * in `.gguf` without a repository before it.
 *
 * @example A revision, a file
 * ```ts
 * import { parseHubModel } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(parseHubModel("org/name@v1"), { id: "org/name", revision: "v1" });
 * assert.equal(parseHubModel("org/name:name-q4_0.gguf")?.file, "name-q4_0.gguf");
 * assert.equal(parseHubModel("./org/name"), undefined);
 * ```
 */
export function parseHubModel(text: string): HubModel | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, id = "", revision = "main", file] = match;
  if (/--|\.\./.test(id) || id.endsWith(".git") || id.endsWith(".gguf")) return undefined;
  if (!isPlainPath(revision)) return undefined;
  if (file === undefined) return { id, revision };
  return file.endsWith(".gguf") && isPlainPath(file) ? { id, revision, file } : undefined;
}

/** Whether a name from outside stays below the folder that it is put into, on every system. */
export function isPlainPath(path: string): boolean {
  return path.length <= 1024 && !/[\\:\p{C}]/u.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
