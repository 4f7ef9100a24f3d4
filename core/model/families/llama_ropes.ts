/**
 * Rotary embedding of Llama's relatives.
 *
 * @module
 */

import type { ModelConfig, RopeConfig } from "../config.ts";
import type { ConfigReader } from "../config_reader.ts";
import { readRope, type RopeKeys } from "../read_rope.ts";
import { LLAMA_KEYS, type LlamaLike, type RopeDescription } from "./llama_like_description.ts";

/** The tables of a model. */
export interface LlamaRopes {
  /** By name; `default` is that of most blocks. */
  readonly tables: Readonly<Record<string, RopeConfig>> & { readonly default: RopeConfig };
  /** Name of a block's table; undefined where it has no rotary embedding. */
  tableOf(block: number): string | undefined;
}

/** Which blocks have rotary embedding by a list of their own; undefined where that is not how it is said. */
export function rotatedBlocks(
  reader: ConfigReader,
  { rope }: LlamaLike,
  blocks: number,
): ((block: number) => boolean) | undefined {
  if (typeof rope?.blocks !== "object") return undefined;
  const { list, every } = rope.blocks;
  if (!reader.has(list)) {
    const interval = reader.integer(every, { min: 1, max: 2 ** 16 });
    return (block) => (block + 1) % interval !== 0;
  }
  const marks = reader.integers(list, { min: 0, max: 1 });
  if (marks.length !== blocks) {
    reader.fail(list, `must have one entry for each of the ${blocks} blocks`);
  }
  return (block) => marks[block] === 1;
}

/** Reads the tables, and says which block has which. */
export function readLlamaRopes(
  reader: ConfigReader,
  description: LlamaLike,
  { headDim, maxPositions, windows }: Pick<ModelConfig, "headDim" | "maxPositions" | "windows">,
): LlamaRopes {
  const { rope = {} } = description;
  const keys: RopeKeys = {
    theta: description.keys?.ropeTheta ?? LLAMA_KEYS.ropeTheta,
    ...(rope.partial === true ? { partial: { key: "partial_rotary_factor", fallback: 1 } } : {}),
  };
  const read = (own: RopeKeys = {}): RopeConfig => {
    return readRope(reader, headDim, maxPositions, { ...keys, ...own });
  };
  const tables: LlamaRopes["tables"] = rope.localTheta === undefined ? { default: read() } : {
    default: read({ layerType: "full_attention" }),
    local: read({ layerType: "sliding_attention", theta: rope.localTheta }),
  };
  const isRotated = rotatedBlocks(reader, description, windows.length) ??
    byWindow(rope.blocks, windows);
  return {
    tables,
    tableOf: (block) => {
      if (!isRotated(block)) return undefined;
      return "local" in tables && windows[block] !== 0 ? "local" : "default";
    },
  };
}

/** Which blocks have rotary embedding where their windows say so. */
function byWindow(
  blocks: RopeDescription["blocks"],
  windows: readonly number[],
): (block: number) => boolean {
  const all = blocks === undefined ||
    (blocks === "windowedOrAll" && windows.every((window) => window === 0));
  return all ? () => true : (block) => windows[block] !== 0;
}
