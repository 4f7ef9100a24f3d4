/**
 * Attention with linears of its own for queries, keys and values.
 *
 * @module
 */

import type { LinearSpec, ScaleSetSpec } from "../layout.ts";
import type { BlockPiece } from "./block_piece.ts";
import { type HeadSizes, valueChannels } from "./value_channels.ts";

/** What tells one such attention from another. */
export interface SeparateAttention extends HeadSizes {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Paths of the linears under the block. */
  readonly paths: Readonly<Record<"q" | "k" | "v" | "o", string>>;
  /** Roles of the linears that have a bias. */
  readonly biases: readonly string[];
  /** Role of the norm that they read; undefined where they read the stream itself. */
  readonly norm: string | undefined;
}

/** Linears `q`, `k`, `v` and `o`, with the sets norm -> q, k, v and v -> o. */
export function separateAttention(attention: SeparateAttention): BlockPiece {
  const { hiddenSize, heads, kvHeads, headDim, paths, biases, norm } = attention;
  const [queries, keys] = [heads * headDim, kvHeads * headDim];
  const linear = (
    role: "q" | "k" | "v" | "o",
    site: string,
    shape: readonly [number, number],
  ): LinearSpec => {
    return { key: role, role, path: paths[role], site, shape, bias: biases.includes(role) };
  };
  const input: readonly ScaleSetSpec[] = norm === undefined ? [] : [{
    source: { kind: "norm", role: norm },
    linears: ["q", "k", "v"],
    module: "attention",
  }];
  return {
    linears: [
      linear("q", "attention", [queries, hiddenSize]),
      linear("k", "attention", [keys, hiddenSize]),
      linear("v", "attention", [keys, hiddenSize]),
      linear("o", "attentionOutput", [hiddenSize, queries]),
    ],
    scaleSets: [
      ...input,
      {
        source: { kind: "linear", role: "v" },
        linears: ["o"],
        channelOf: valueChannels(attention),
      },
    ],
  };
}
