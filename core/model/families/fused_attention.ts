/**
 * Attention with one linear for queries, keys and values.
 *
 * @module
 */

import type { LinearSpec, ScaleSetSpec } from "../layout.ts";
import type { BlockPiece } from "./block_piece.ts";
import { type FusedColumns, fusedColumns, type FusedOrder } from "./fused_columns.ts";
import { type HeadSizes, valueChannels } from "./value_channels.ts";

/** What tells one such attention from another. */
export interface FusedAttention extends HeadSizes {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Paths of the linears under the block. */
  readonly paths: Readonly<Record<"qkv" | "o", string>>;
  /** Roles of the linears that have a bias. */
  readonly biases: readonly string[];
  /** Whether the checkpoint stores the weights as [in, out]. Default false. */
  readonly transposed?: boolean;
  /** Order of the heads in `qkv`. */
  readonly order: FusedOrder;
  /** Role of the norm that `qkv` reads; undefined where it reads the stream itself. */
  readonly norm: string | undefined;
}

/** Such an attention: its part of the block, and where the heads are. */
export interface FusedPiece extends BlockPiece {
  /** For the attention's layout. */
  readonly projection: FusedColumns;
}

/**
 * Linears `qkv` and `o`, with the sets norm -> qkv and qkv -> o, whose source is the rows of `qkv` that make values.
 * The linear stays whole, as engines quantize it.
 */
export function fusedAttention(attention: FusedAttention): FusedPiece {
  const { hiddenSize, heads, kvHeads, headDim, paths, biases, transposed = false, norm } =
    attention;
  const projection = fusedColumns(attention, attention.order);
  const linear = (
    role: "qkv" | "o",
    site: string,
    shape: readonly [number, number],
  ): LinearSpec => {
    return {
      key: role,
      role,
      path: paths[role],
      site,
      shape,
      bias: biases.includes(role),
      transposed,
    };
  };
  const input: readonly ScaleSetSpec[] = norm === undefined ? [] : [{
    source: { kind: "norm", role: norm },
    linears: ["qkv"],
    module: "attention",
  }];
  const values = valueChannels(attention, (head, d) => projection.value[head * headDim + d] ?? 0);
  return {
    projection,
    linears: [
      linear("qkv", "attention", [(heads + 2 * kvHeads) * headDim, hiddenSize]),
      linear("o", "attentionOutput", [hiddenSize, heads * headDim]),
    ],
    scaleSets: [
      ...input,
      { source: { kind: "linear", role: "qkv" }, linears: ["o"], channelOf: values },
    ],
  };
}
