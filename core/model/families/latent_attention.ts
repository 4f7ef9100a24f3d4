/**
 * Multi-head latent attention (DeepSeek-V2, 2024, section 2.1).
 *
 * @module
 */

import type { LinearSpec, NormSpec, ScaleSetSpec } from "../layout.ts";
import type { BlockPiece } from "./block_piece.ts";

/** What tells one such attention from another. */
export interface LatentAttention {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Heads. */
  readonly heads: number;
  /** Width of the latent queries; 0 where one linear makes the queries. */
  readonly queryRank: number;
  /** Width of the latent keys and values. */
  readonly kvRank: number;
  /** Channels of a head that know no position. */
  readonly nopeDim: number;
  /** Channels of a head that are rotated. */
  readonly ropeDim: number;
  /** Channels of a head's values. */
  readonly valueDim: number;
  /** Paths of linears and norms under the block; `q` where `queryRank` is 0. */
  readonly paths: Readonly<
    Record<"q" | "qA" | "qB" | "kvA" | "kvB" | "o" | "qNorm" | "kvNorm", string>
  >;
  /** Keys of the linears that have a bias. */
  readonly biases: readonly string[];
  /** Added to the mean square in the norms of the latent vectors. */
  readonly eps: number;
  /** Role of the norm that `qA` (or `q`) and `kvA` read. */
  readonly norm: string;
}

/**
 * Linears `qA` and `qB` (or `q`), `kvA`, `kvB` and `o`, norms `qA` and `kvA`. Sets: norm -> qA (or q), kvA; norm qA -> qB;
 * norm kvA -> kvB; and kvB -> o by the rows of kvB that are values. The rows that are keys meet queries, not linears.
 */
export function latentAttention(attention: LatentAttention): BlockPiece {
  const { hiddenSize, heads, queryRank, kvRank, nopeDim, ropeDim, valueDim } = attention;
  const { paths, biases, norm } = attention;
  function linear(
    key: "q" | "qA" | "qB" | "kvA" | "kvB" | "o",
    site: string,
    ...shape: [number, number]
  ): LinearSpec {
    return { key, role: key, path: paths[key], site, shape, bias: biases.includes(key) };
  }
  function latentNorm(role: string, path: string, length: number): NormSpec {
    return { role, path, shape: [length], kind: "rms", eps: attention.eps };
  }
  const queries = heads * (nopeDim + ropeDim);
  const expanded = nopeDim + valueDim;
  const latentQueries = queryRank > 0;
  const first = latentQueries
    ? linear("qA", "attention", queryRank, hiddenSize)
    : linear("q", "attention", queries, hiddenSize);
  const querySets: readonly ScaleSetSpec[] = latentQueries
    ? [{ source: { kind: "norm", role: "qA" }, linears: ["qB"] }]
    : [];
  return {
    linears: [
      first,
      linear("kvA", "attention", kvRank + ropeDim, hiddenSize),
      ...latentQueries ? [linear("qB", "queryLatent", queries, queryRank)] : [],
      linear("kvB", "keyValueLatent", heads * expanded, kvRank),
      linear("o", "attentionOutput", hiddenSize, heads * valueDim),
    ],
    norms: [
      ...latentQueries ? [latentNorm("qA", paths.qNorm, queryRank)] : [],
      latentNorm("kvA", paths.kvNorm, kvRank),
    ],
    scaleSets: [
      { source: { kind: "norm", role: norm }, linears: [first.key, "kvA"], module: "attention" },
      ...querySets,
      { source: { kind: "norm", role: "kvA" }, linears: ["kvB"] },
      {
        source: { kind: "linear", role: "kvB" },
        linears: ["o"],
        channelOf: Uint32Array.from({ length: heads * valueDim }, (_, k) => {
          return Math.floor(k / valueDim) * expanded + nopeDim + k % valueDim;
        }),
      },
    ],
  };
}
