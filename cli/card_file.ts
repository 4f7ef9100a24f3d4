/**
 * The model card beside a checkpoint.
 *
 * @module
 */

import { SalientError } from "../mod.ts";

/** Where the card of a checkpoint is: in its directory, or beside a file. */
export function cardPath(path: string): string {
  return path.endsWith(".gguf") ? `${path}.README.md` : `${path.replace(/\/+$/, "")}/README.md`;
}

/** Writes it whole or not at all; one that is there is replaced. */
export async function writeCard(path: string, text: string): Promise<void> {
  const file = cardPath(path);
  const temporary = `${file}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, file);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => {});
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SalientError("disk", `Cannot write ${file}: ${why}`, { file, cause });
  }
}

/** The card, or undefined where there is none. */
export async function readCard(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(cardPath(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new SalientError("input", `${cardPath(path)} cannot be read: check it`, {
      file: cardPath(path),
      cause,
    });
  }
}
