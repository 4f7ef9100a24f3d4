/**
 * What a block is made of and how it runs, as data: what a family says of each block of a model.
 *
 * @module
 */

import type { Activation } from "../backend.ts";

/** A linear of a block. */
export interface LinearSpec {
  /** What it is called inside its block, unlike any other there: its role, or for example `experts.3.up`. */
  readonly key: string;
  /** Its part: `"q"`, `"k"`, `"v"`, `"o"`, `"gate"`, `"up"`, `"down"`, `"qkv"`, `"gateUp"`, `"router"`. */
  readonly role: string;
  /** Path under the block, for example `self_attn.q_proj`. */
  readonly path: string;
  /** Where its input is seen: `"attention"`, `"attentionOutput"`, `"mlp"`, `"mlpHidden"`, `"experts.3"`. */
  readonly site: string;
  /** [out, in] = [N, K]. */
  readonly shape: readonly [number, number];
  /** Whether it has a bias. Default false. */
  readonly bias?: boolean;
  /** Whether the checkpoint stores the weight as [in, out] (Conv1D of GPT-2). Default false. */
  readonly transposed?: boolean;
  /** Whether it always stays as it is (a router). Its columns may still be scaled. Default false. */
  readonly plain?: boolean;
  /** Index of the expert that it belongs to, if any. */
  readonly expert?: number;
}

/** A norm of a block or of the model's ends. */
export interface NormSpec {
  /**
   * Its part: `"attention"` and `"mlp"` before the halves of the block, `"postAttention"` and `"postMlp"` on what they add,
   * `"q"` and `"k"` on queries and keys, `"final"`.
   */
  readonly role: string;
  /** Path under the block, for example `input_layernorm`; of an end the full name without `.weight`. */
  readonly path: string;
  /** How its weight is stored: [K], or [heads, headDim] where each head has its own. */
  readonly shape: readonly number[];
  /** Root mean square, or mean and variance. */
  readonly kind: "rms" | "layer";
  /** Added to the mean square or the variance. */
  readonly eps: number;
  /** Added to the weight where it is used (1 for Gemma). Default 0. */
  readonly offset?: number;
  /** Whether it has a bias. Default false. */
  readonly bias?: boolean;
  /** Whether it has no weight, and so multiplies by 1: nothing is stored and nothing folds into it. Default false. */
  readonly plain?: boolean;
}

/** Where factors may be folded. */
export interface ScaleSetSpec {
  /** The norm, by role, or the linear, by key, whose output is divided. */
  readonly source: { readonly kind: "norm" | "linear"; readonly role: string };
  /** Keys of the linears whose columns are multiplied. */
  readonly linears: readonly string[];
  /** Keys of plain linears that read the same input and follow: a router. */
  readonly followers?: readonly string[];
  /**
   * `channelOf[k]` is the output of the source that input k comes from, rows [0, N). Inputs that come from one output
   * are scaled alike. Default: output k.
   */
  readonly channelOf?: Uint32Array;
  /** The module whose output the published search compares, if it is not the linear itself. */
  readonly module?: "attention" | "mlp";
}

/** How a block reads and writes the residual stream, so that it can be rotated. */
export interface ResidualSpec {
  /** The norms that read it, by role, each with the keys of the linears that see its output. */
  readonly readers: readonly { readonly norm: string; readonly linears: readonly string[] }[];
  /** The linears whose output is added to it. */
  readonly writers: readonly string[];
  /** The linear that makes the values of each head; undefined where it makes more than them. */
  readonly values?: string;
  /** The linear that reads what attention has made of them, head by head. */
  readonly output?: string;
}

/** Where queries, keys and values come from. */
export type ProjectionLayout =
  /** Linears `q`, `k` and `v`. */
  | { readonly kind: "separate" }
  /** Columns of the output of one linear `qkv`, for each head together. */
  | {
    readonly kind: "fused";
    readonly query: Int32Array;
    readonly key: Int32Array;
    readonly value: Int32Array;
  }
  /** Multi-head latent attention (DeepSeek-V2, 2024, section 2.1). */
  | {
    readonly kind: "latent";
    /** Width of the latent queries; 0 where they are made by one linear `q`. */
    readonly queryRank: number;
    /** Width of the latent keys and values. */
    readonly kvRank: number;
    /** Channels of a head that know no position. */
    readonly nopeDim: number;
    /** Channels of a head that are rotated; those of the key are shared by all heads. */
    readonly ropeDim: number;
    /** Channels of a head's values. */
    readonly valueDim: number;
  };

/** Causal attention as a block does it. */
export interface AttentionLayout {
  /** Where queries, keys and values come from. */
  readonly projection: ProjectionLayout;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Channels of a head. */
  readonly headDim: number;
  /** Multiplies q . k. */
  readonly scale: number;
  /** A token sees itself and the `window - 1` before it; 0 for all before it. */
  readonly window: number;
  /** Scores become cap * tanh(score / cap); 0 for none. Default 0. */
  readonly softcap?: number;
  /** [heads] slopes of ALiBi (Press et al. 2022), if it has them. */
  readonly slopes?: Float32Array;
  /** Rotary embedding, if it has one. */
  readonly rope?: {
    /** Name of the table among the architecture's. */
    readonly table: string;
    /** Whether neighbouring channels are turned, not those half of the rotated ones apart. */
    readonly interleaved: boolean;
  };
}

/** Which experts a token goes to. */
export interface RouterLayout {
  /** What becomes of the logits. */
  readonly scoring: "softmax" | "sigmoid";
  /** Experts a token goes to. */
  readonly perToken: number;
  /** Whether the weights of those experts are made to add up to 1. */
  readonly normalize: boolean;
  /** Multiplies the weights. */
  readonly scale: number;
  /** Groups of experts of which a token uses the best few (DeepSeek), if there are any. */
  readonly groups?: {
    readonly count: number;
    readonly perToken: number;
    /** How a group is ranked: by its best expert, or by the sum of its best two. */
    readonly score: "max" | "top2";
  };
  /** Path under the block of what is added to the scores when experts are chosen, if there is any. */
  readonly correction?: string;
}

/** The second half of a block. */
export type MlpLayout =
  /** activation(gate) * up, from linears `gate` and `up`, or from the halves of `gateUp`; then `down`. */
  | { readonly kind: "gated"; readonly activation: Activation; readonly fused: boolean }
  /**
   * `up`, activation, `down`. `scaled`: path of the module that readers of AWQ checkpoints replace by one that divides
   * the activations, so that they look for `scaled.scales`.
   */
  | { readonly kind: "plain"; readonly activation: Activation; readonly scaled?: string }
  /** Gated experts `experts.I.gate`, `.up`, `.down` behind a linear `router`. */
  | {
    readonly kind: "experts";
    readonly activation: Activation;
    readonly count: number;
    readonly router: RouterLayout;
    /** A gated MLP `gate`, `up`, `down` that every token passes; `gated` where a linear `sharedGate` weighs it. */
    readonly shared?: { readonly gated: boolean };
  };

/** One block. */
export interface BlockLayout {
  /** Full name, for example `model.layers.3`. */
  readonly name: string;
  /** Its linears, in the order in which they are quantized. */
  readonly linears: readonly LinearSpec[];
  /** Its norms. */
  readonly norms: readonly NormSpec[];
  /** Where factors may be folded, in the order in which they are searched. */
  readonly scaleSets: readonly ScaleSetSpec[];
  /** How it reads and writes the stream; undefined where it cannot be rotated. */
  readonly residual?: ResidualSpec;
  /** Its attention. */
  readonly attention: AttentionLayout;
  /** Its MLP. */
  readonly mlp: MlpLayout;
  /**
   * `"sequential"`: the MLP reads the stream after attention was added. `"parallel"`: both read the block's input, the MLP
   * through the norm `mlp` or, where there is none, through the norm `attention`. `"after"`: each half reads the
   * stream as it is, and the norm is applied to the sum. Default `"sequential"`.
   */
  readonly order?: "sequential" | "parallel" | "after";
  /** Multiplies what each half adds to the stream. Default 1. */
  readonly residualScale?: number;
}
