/**
 * Weights in types that the quantizers do not read.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { replaceWeights } from "../model/decoder_block.ts";
import type { Block, BlockLinear } from "../model/model.ts";

/**
 * The block with F64 and F8_E4M3 weights as F32; the block itself where it has none. Disposing the
 * result frees the block too.
 */
export async function widenBlock(ops: Ops, block: Block): Promise<Block> {
  const stack = new DisposableStack();
  stack.use(block);
  try {
    const linears = new Map<string, BlockLinear>();
    for (const [role, { info, weight, bias }] of block.linears) {
      if ("packed" in weight || !["F64", "F8_E4M3"].includes(weight.dtype)) continue;
      const wide = stack.use(await ops.cast(weight, "F32"));
      linears.set(role, { info, weight: wide, bias });
    }
    if (linears.size === 0) return block;
    return replaceWeights(block, { linears, owned: [stack.move()] });
  } catch (error) {
    stack.dispose();
    throw error;
  }
}
