/**
 * Reads which blocks see only a window.
 *
 * @module
 */

import type { ConfigReader, NumberRange } from "./config_reader.ts";
import type { WindowsDescription } from "./families/llama_like_description.ts";

const LENGTH: NumberRange = { min: 1, max: 2 ** 31 - 1 };
const INDEX: NumberRange = { min: 0, max: 2 ** 16 };

/** What the blocks' windows depend on. */
export interface WindowSource {
  /** Reads the configuration. */
  readonly reader: ConfigReader;
  /** Key of the window's length; null or absent for none. */
  readonly key: string;
  /** Number of blocks. */
  readonly blocks: number;
  /** Whether a block has rotary embedding; undefined where that follows from its window. */
  readonly isRotated?: (block: number) => boolean;
}

/** Tokens that a token of each block sees, itself included; 0 for all before it. */
export function readWindows(
  source: WindowSource,
  windows: WindowsDescription | undefined,
): readonly number[] {
  const { reader, key, blocks } = source;
  const none = new Array<number>(blocks).fill(0);
  if (windows === undefined) return none;
  const used = windows.when === undefined || reader.boolean(windows.when, false);
  const length = used && reader.has(key) ? reader.integer(key, LENGTH) : 0;
  if (windows.blocks === "all") return none.fill(length);
  const types = reader.strings("layer_types");
  if (types === undefined) {
    const isWindowed = untyped(source, windows);
    return none.map((_, block) => isWindowed(block) ? length : 0);
  }
  if (types.length !== blocks) {
    reader.fail("layer_types", `must have one entry for each of the ${blocks} blocks`);
  }
  return types.map((type) => {
    if (type === "full_attention") return 0;
    if (type !== "sliding_attention") {
      reader.fail("layer_types", "must hold only full_attention and sliding_attention");
    }
    if (length === 0) {
      reader.fail("layer_types", "must hold only full_attention where no sliding window is used");
    }
    return length;
  });
}

/** Whether a block has a window, where `layer_types` does not say so. */
function untyped(
  { reader, isRotated }: WindowSource,
  { from, every }: WindowsDescription,
): (block: number) => boolean {
  if (from !== undefined) {
    const first = reader.integer(from, INDEX);
    return (block) => block >= first;
  }
  if (every !== undefined) {
    const count = reader.integer(every, { ...INDEX, min: 1 });
    return (block) => (block + 1) % count !== 0;
  }
  return (block) => isRotated?.(block) === false;
}
