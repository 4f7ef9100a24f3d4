/**
 * A model's sizes and switches, read from `config.json` and checked.
 *
 * @module
 */

import type { Activation } from "../backend.ts";

/** How positions become angles; `parameters` are those of `rope_scaling` or `rope_parameters`. */
export interface RopeConfig {
  /** Base of the frequencies. */
  readonly theta: number;
  /** Which rule changes them. */
  readonly scaling: "default" | "linear" | "dynamic" | "llama3" | "yarn" | "longrope";
  /** The rule's numbers, by their Hugging Face names. */
  readonly parameters: Readonly<Record<string, number>>;
  /** Of `longrope`: what divides the frequency of each pair, up to the original length and beyond it. */
  readonly factors?: { readonly short: readonly number[]; readonly long: readonly number[] };
  /** Channels of a head that are rotated. */
  readonly rotated: number;
}

/** A model's sizes and switches. */
export interface ModelConfig {
  /** Value of `architectures` that was recognised. */
  readonly architecture: string;
  /** Tokens in the vocabulary. */
  readonly vocabSize: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width inside the MLP. */
  readonly intermediateSize: number;
  /** Number of blocks. */
  readonly blocks: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads. */
  readonly kvHeads: number;
  /** Channels of a head; not always hiddenSize / heads. */
  readonly headDim: number;
  /** Added to the mean square in a norm. */
  readonly normEps: number;
  /** Function inside the MLP. */
  readonly activation: Activation;
  /** Whether the head is the embedding. */
  readonly tiedEmbeddings: boolean;
  /** Longest sequence it was trained for. */
  readonly maxPositions: number;
  /** For each block the number of tokens a token sees, itself included; 0 for all before it. */
  readonly windows: readonly number[];
  /** Rotary embedding of most blocks, if they have one. */
  readonly rope: RopeConfig | undefined;
  /** Experts of a block that has them; undefined where all are dense. */
  readonly experts?: {
    /** Experts of a block. */
    readonly count: number;
    /** Experts that a token goes to. */
    readonly perToken: number;
    /** Width inside an expert. */
    readonly intermediateSize: number;
  };
  /** Id that a text starts with, if any. */
  readonly bosId: number | undefined;
  /** Ids that end a text. */
  readonly eosIds: readonly number[];
}
