/**
 * What llama.cpp calls the families, and what it computes for each.
 *
 * @module
 */

import type { Activation } from "../backend.ts";

/** A family as llama.cpp knows it. What is not said here is Llama's. */
export interface GgufArchitecture {
  /** Its name, with which metadata keys begin. */
  readonly name: string;
  /**
   * Which channels of a head are turned together: neighbours (2i, 2i + 1) or those half of the rotated ones apart.
   * Rows of q and k lie in the order that this needs.
   */
  readonly turns: "neighbours" | "halves" | "none";
  /** Whether only a part of a head's channels may be turned. Default false. */
  readonly partial?: boolean;
  /** Whether heads together may have another width than the stream. Default false. */
  readonly ownHeadDim?: boolean;
  /** Whether every head must have keys and values of its own. Default false. */
  readonly ownKeys?: boolean;
  /** Numbers of blocks by which it knows the only model that it runs. Default any. */
  readonly blockCounts?: readonly number[];
  /** Its norms, and whether they have biases. Default `rms`. */
  readonly norm?: "rms" | "layer" | "layer with bias";
  /** The blocks that it can run: order, then the roles of their norms. Default `sequential attention mlp`. */
  readonly blocks?: readonly string[];
  /** Names of norms that are called otherwise than elsewhere, in blocks that have a norm `mlp`. */
  readonly normNames?: Readonly<Record<string, string>>;
  /** How queries, keys and values are made. Default separate. */
  readonly projection?: "separate" | "fused" | "latent";
  /** The MLPs that it can run. Default `gated`. */
  readonly mlps?: readonly MlpKind[];
  /** Functions inside the MLP. Default SiLU. */
  readonly activations?: readonly Activation[];
  /** Roles of linears that may have a bias, and with a `!` of those that must. Default none. */
  readonly biases?: readonly string[];
  /** Whether the head has a bias. Default false. */
  readonly headBias?: boolean;
  /** Whether the head has to be the embedding, or may not be. Default either. */
  readonly head?: "tied" | "own";
  /** Every n-th block sees all tokens, the others only a window. Default: it knows no windows. */
  readonly windowsExcept?: number;
  /** Every n-th block is not turned. Default: all are. */
  readonly unturned?: number;
  /** The base of blocks behind a window has a key of its own. Default false. */
  readonly localBase?: boolean;
  /** Factor of the scores: a key, or 1 / sqrt(headDim), or with that many blocks 1 / sqrt(width / heads). */
  readonly scale?: "key" | { readonly blocks: number };
  /** Factor of the embedding: a key, or the root of its width. Default 1. */
  readonly embedding?: "key" | "root";
  /** Factor of the logits: a key that multiplies or divides. Default 1. */
  readonly logits?: "times" | "over";
  /** Whether what the halves add has a factor. Default false. */
  readonly residual?: boolean;
  /** Whether scores and logits are capped. Default false. */
  readonly caps?: boolean;
  /** Whether the weights of a token's experts add up to 1; undefined where keys say all of that. */
  readonly normalized?: boolean;
}

/** An MLP, and for mixtures the one that every token passes. */
export type MlpKind =
  | "gated"
  | "fused"
  | "plain"
  | "experts"
  | "experts with shared"
  | "experts with gated shared";
