/**
 * What a resumed run must have in common with the one before, beyond what the library knows.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { METHOD_NAMES } from "./method_names.ts";
import { VERSION } from "./version.ts";

/** Versions, and the plugins of third parties: what was set for them, and the bytes of their files. */
export async function resumeKey(
  args: { readonly plugins: readonly string[]; readonly set: readonly string[] } & {
    readonly method: readonly string[] | undefined;
  },
): Promise<Readonly<Record<string, string>>> {
  const names: readonly string[] = METHOD_NAMES;
  const parts = [...args.plugins, ...args.method ?? []].filter((part) => !names.includes(part));
  const files = await Promise.all(parts.map(async (part) => {
    const bytes = await Deno.readFile(part).catch(() => undefined); // a package
    return bytes === undefined ? part : createHash("sha256").update(bytes).digest("hex");
  }));
  return {
    "the version of Salient": VERSION,
    "files or settings of plugins": JSON.stringify([files, parts.length === 0 ? [] : args.set]),
  };
}
