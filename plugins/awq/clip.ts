/**
 * The clip search and the final rounding.
 *
 * @module
 */

import type { AffineGrid, InputMoment, Ops, QuantizedLinear, Tensor } from "../../core/plugin.ts";
import type { ClipOptions } from "./options.ts";

/**
 * Whether a linear's weights may be clipped. The output of q (where it is latent, of the second of its two) and k goes through
 * a product of two of them and a softmax, so that the error of their own output says little about the error it causes.
 *
 * A fused `qkv` is clipped whole: its rows of values gain more than its rows of queries and keys lose, if those lose at
 * all (docs/awq_search.md has the figures).
 */
export function mayClip(role: string): boolean {
  return !["q", "k", "qB"].includes(role);
}

/**
 * Rounds w [N, K] with the ranges that the search finds: never with a greater squared error of the linear's
 * output than on the plain ones.
 */
export async function quantizeClipped(
  ops: Ops,
  w: Tensor,
  moment: InputMoment,
  grid: AffineGrid,
  options: Required<ClipOptions>,
): Promise<QuantizedLinear> {
  if (options.sweeps === 0) return await quantizeBounded(ops, w, moment, grid, options);
  const { weight, clipped } = await ops.searchRanges(w, moment, grid, options);
  return { weight, clipped: clipped / weight.scales.size };
}

/**
 * The published search. It looks at each group by itself (the Gram's diagonal blocks), so its bounds are
 * dropped if the error of the whole linear is not lower with them.
 */
async function quantizeBounded(
  ops: Ops,
  w: Tensor,
  moment: InputMoment,
  grid: AffineGrid,
  options: Required<ClipOptions>,
): Promise<QuantizedLinear> {
  using found = await ops.clipSearch(w, moment, grid, options);
  using made = new DisposableStack();
  const plain = made.use(await ops.quantize(w, grid));
  const bounded = made.use(await ops.quantize(w, grid, { bounds: found.bounds }));
  const plainLoss = await ops.quantizationLoss(w, moment, plain);
  const better = await ops.quantizationLoss(w, moment, bounded) < plainLoss;
  const [kept, dropped] = better ? [bounded, plain] : [plain, bounded];
  made.move();
  dropped[Symbol.dispose]();
  return { weight: kept, clipped: better ? found.clipped / found.bounds.size : 0 };
}
