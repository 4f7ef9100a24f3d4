/**
 * Where a checkpoint keeps embedding and head.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";
import type { Architecture } from "./architecture.ts";

/** Names of the tensors of embedding and head; tied ones are stored once, under either name. */
export function tiedEnds(
  { ends, config }: Pick<Architecture, "ends" | "config">,
  { entries }: Checkpoint,
): { readonly embedding: string; readonly head: string } {
  const { embedding, head } = ends;
  if (!config.tiedEmbeddings) return { embedding, head };
  const name = !entries.has(embedding) && entries.has(head) ? head : embedding;
  return { embedding: name, head: name };
}
