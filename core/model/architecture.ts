/**
 * A model's structure as its family reads it from `config.json`.
 *
 * @module
 */

import type { ModelConfig, RopeConfig } from "./config.ts";
import type { BlockLayout, NormSpec } from "./layout.ts";

/** What comes before the first block and after the last one. Names are those of tensors. */
export interface EndsLayout {
  /** [vocabSize, embeddingSize]. */
  readonly embedding: string;
  /** Width of the embedding where it is not the stream's. */
  readonly embeddingSize?: number;
  /** Multiplies the embedding. Default 1. */
  readonly embeddingScale?: number;
  /** Whether that factor is rounded to the embedding's type before. Default false. */
  readonly embeddingScaleRounded?: boolean;
  /** Learned positions [rows, hiddenSize]: token t gets row t + offset. */
  readonly positions?: { readonly name: string; readonly offset: number; readonly rows: number };
  /** [hiddenSize, embeddingSize], where they differ. */
  readonly projectIn?: string;
  /** Applied to the embedding. */
  readonly embeddingNorm?: NormSpec;
  /** Applied after the last block. */
  readonly finalNorm?: NormSpec;
  /** [embeddingSize, hiddenSize], where they differ. */
  readonly projectOut?: string;
  /** [vocabSize, embeddingSize]. Where it is tied to the embedding, one of the two may be absent from a checkpoint. */
  readonly head: string;
  /** [vocabSize], if there is one. */
  readonly headBias?: string;
  /** Multiplies the logits. Default 1. */
  readonly logitScale?: number;
  /** Logits become cap * tanh(logit / cap); 0 for none. Default 0. */
  readonly logitSoftcap?: number;
}

/** The structure of one model. */
export interface Architecture {
  /** Sizes and switches that everybody asks for. */
  readonly config: ModelConfig;
  /** What is outside of the blocks. */
  readonly ends: EndsLayout;
  /** Rotary tables by the name that attention layouts use. */
  readonly ropes: Readonly<Record<string, RopeConfig>>;
  /** The block of that index. */
  block(index: number): BlockLayout;
}
