/**
 * What a checkpoint has besides the blocks that are quantized.
 *
 * @module
 */

import type { Model } from "../model/model.ts";

/**
 * Names of matrices outside of the blocks that stay plain and that a reader may take for quantized linears, since a
 * `quantization_config` speaks of all that it does not name: heads that are not called `lm_head`, projections around
 * the embedding, a vision tower.
 */
export function outsideLinears({ architecture, checkpoint, config }: Model): readonly string[] {
  const { ends, block } = architecture;
  const blocks = Array.from({ length: config.blocks }, (_, index) => `${block(index).name}.`);
  const known = new Set([ends.embedding, ends.positions?.name, "lm_head.weight"]);
  const names: string[] = [];
  for (const [name, { shape }] of checkpoint.entries) {
    if (!name.endsWith(".weight") || shape.length !== 2 || known.has(name)) continue;
    if (blocks.some((prefix) => name.startsWith(prefix))) continue;
    names.push(name.slice(0, -".weight".length));
  }
  return names;
}
