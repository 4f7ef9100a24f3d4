/**
 * A model whose blocks come from elsewhere.
 *
 * @module
 */

import type { Block, Model } from "./model.ts";

/**
 * The same model with other blocks, for example ones that were quantized in memory. Embedding, final
 * norm and head stay `model`'s, and so does their lifetime: disposing the result frees nothing.
 *
 * @param model The open model; must outlive the result.
 * @param load Loads a block; called again for every use, and each time the block is disposed after it.
 * @returns A model for `perplexity`, `generate` and the like.
 */
export function withBlocks(model: Model, load: (index: number) => Promise<Block>): Model {
  return {
    directory: model.directory,
    family: model.family,
    config: model.config,
    architecture: model.architecture,
    rawConfig: model.rawConfig,
    backend: model.backend,
    checkpoint: model.checkpoint,
    quantization: model.quantization,
    linears: model.linears,
    loadBlock: load,
    releaseBlock: (index) => model.releaseBlock(index),
    embed: (ids, rows) => model.embed(ids, rows),
    finalNorm: (hidden) => model.finalNorm(hidden),
    headWeight: () => model.headWeight(),
    logits: (hidden, head) => model.logits(hidden, head),
    [Symbol.dispose]: () => {},
  };
}
