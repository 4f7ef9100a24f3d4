/**
 * Layer norms, as layouts name them.
 *
 * @module
 */

import type { ModelConfig } from "../config.ts";
import type { NormSpec } from "../layout.ts";

/** A layer norm as wide as the residual stream, with a bias unless it is said to have none. */
export function layerNorm(
  { hiddenSize, normEps }: Pick<ModelConfig, "hiddenSize" | "normEps">,
  role: string,
  path: string,
  bias = true,
): NormSpec {
  return { role, path, shape: [hiddenSize], kind: "layer", eps: normEps, bias };
}
