/**
 * A model whose linears are something else.
 *
 * @module
 */

import type { Weight } from "../backend.ts";
import { replaceWeights } from "../model/decoder_block.ts";
import type { BlockLinear, Model } from "../model/model.ts";
import { withBlocks } from "../model/with_blocks.ts";

/**
 * The model with `change` in place of every linear's weight, made anew whenever a block is loaded.
 *
 * @param change Gives the new weight [N, K], which the block then owns.
 */
export function withLinears(
  model: Model,
  change: (linear: BlockLinear) => Promise<Weight>,
): Model {
  return withBlocks(model, async (index) => {
    using stack = new DisposableStack();
    const block = stack.use(await model.loadBlock(index));
    const linears = new Map<string, BlockLinear>();
    for (const [role, linear] of block.linears) {
      linears.set(role, { ...linear, weight: stack.use(await change(linear)) });
    }
    return replaceWeights(block, { linears, owned: [stack.move()] });
  });
}
