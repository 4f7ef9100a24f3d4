/**
 * Damage to a set of files.
 *
 * @module
 */

import type { Files } from "../fuzz_reader.ts";
import type { Dice } from "./dice.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { mutateGguf } from "./mutate_gguf.ts";
import { mutateJson } from "./mutate_json.ts";
import { mutateSafetensors } from "./mutate_safetensors.ts";

/** One to four changes, each by the kind of a file; once in a while a file is missing or stands for another. */
export function mutateFiles(files: Files, dice: Dice): Files {
  const changed = new Map(files);
  const names = [...files.keys()];
  for (let left = 1 + dice.below(dice.pick([1, 1, 2, 4])); left > 0; left--) {
    const name = dice.pick(names);
    const bytes = changed.get(name);
    if (bytes === undefined) continue;
    if (names.length > 1 && dice.oneIn(40)) changed.delete(name);
    else if (names.length > 1 && dice.oneIn(60)) changed.set(name, files.get(dice.pick(names))!);
    else changed.set(name, mutateOne(name, bytes, dice));
  }
  return changed;
}

function mutateOne(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  dice: Dice,
): Uint8Array<ArrayBuffer> {
  if (name.endsWith(".json")) return mutateJson(bytes, dice);
  if (name.endsWith(".safetensors")) return mutateSafetensors(bytes, dice);
  if (name.endsWith(".gguf")) return mutateGguf(bytes, dice);
  if (name.endsWith(".jsonl")) return mutateLines(bytes, dice);
  return mutateBytes(bytes, dice);
}

/** Changes one line as JSON. */
function mutateLines(bytes: Uint8Array<ArrayBuffer>, dice: Dice): Uint8Array<ArrayBuffer> {
  if (dice.oneIn(8)) return mutateBytes(bytes, dice);
  const lines = new TextDecoder().decode(bytes).split("\n");
  const at = dice.below(lines.length);
  const line = mutateJson(new TextEncoder().encode(lines[at]), dice);
  lines[at] = new TextDecoder().decode(line);
  return new TextEncoder().encode(lines.join("\n"));
}
