/**
 * What tells one relative of Llama from another, as data: a family of ours, or a user's JSON file.
 *
 * @module
 */

import type { Activation } from "../../backend.ts";
import type { Json } from "../../checkpoint/types.ts";

/** A value of `config.json`, raised to a power (1 if not given). */
export interface ConfigTerm {
  /** Its key. */
  readonly key: string;
  /** Exponent: -0.5 for what divides by a root. */
  readonly power?: number;
}

/** A number, or the product of values of `config.json`. */
export type ConfigScalar = number | readonly ConfigTerm[];

/** What is always so, or is so where a key of `config.json` is true. */
export type ConfigSwitch = boolean | string;

/** A value of `config.json` that every model has, by what it is. */
export type ConfigKey =
  | "vocabSize"
  | "hiddenSize"
  | "intermediateSize"
  | "blocks"
  | "heads"
  | "kvHeads"
  | "headDim"
  | "maxPositions"
  | "normEps"
  | "activation"
  | "tiedEmbeddings"
  | "window"
  | "ropeTheta";

/** The keys of `config.json` that hold them in Llama. */
export const LLAMA_KEYS: Readonly<Record<ConfigKey, string>> = {
  vocabSize: "vocab_size",
  hiddenSize: "hidden_size",
  intermediateSize: "intermediate_size",
  blocks: "num_hidden_layers",
  heads: "num_attention_heads",
  kvHeads: "num_key_value_heads",
  headDim: "head_dim",
  maxPositions: "max_position_embeddings",
  normEps: "rms_norm_eps",
  activation: "hidden_act",
  tiedEmbeddings: "tie_word_embeddings",
  window: "sliding_window",
  ropeTheta: "rope_theta",
};

/** Where a checkpoint may keep the model: names that its tensors begin with. */
export interface ModelPlace {
  /** What embedding, blocks and final norm lie under; empty for nothing. */
  readonly model: string;
  /** Full name of the head without `.weight`. */
  readonly head: string;
}

/** The norms of the model. */
export interface NormsDescription {
  /** Root mean square, or mean and variance. Default `"rms"`. */
  readonly kind?: "rms" | "layer";
  /** Added to the weight where it is used. Default 0. */
  readonly offset?: number;
  /** Whether they have a bias. Default false. */
  readonly bias?: boolean;
  /** Whether they have no weight. Default false. */
  readonly plain?: boolean;
  /** Paths under the block of those before its halves. */
  readonly attention?: string;
  /** That before the MLP. In a parallel block without one the MLP reads the norm `attention`. */
  readonly mlp?: string;
  /** That on what attention adds to the stream. */
  readonly postAttention?: string;
  /** That on what the MLP adds to the stream. */
  readonly postMlp?: string;
  /** Those on queries and keys. */
  readonly heads?: {
    /** Path of that on queries. */
    readonly q: string;
    /** Path of that on keys. */
    readonly k: string;
    /**
     * What they norm and how their weight is stored: `"head"`: each head, by one weight [headDim]; `"heads"`: each head,
     * by its own row of [heads, headDim]; `"row"`: all heads together, [heads * headDim].
     */
    readonly over: "head" | "heads" | "row";
    /** Whether they are there. Default true. */
    readonly when?: ConfigSwitch;
  };
}

/** Which blocks see only a window. */
export interface WindowsDescription {
  /**
   * `"all"`, or those that `layer_types` in `config.json` calls `sliding_attention`. Where that is absent: those from index
   * `from` on; all but each `every`th; or, if neither is given, those without rotary embedding.
   */
  readonly blocks: "all" | "layer_types";
  /** Key of the first block that has a window. */
  readonly from?: string;
  /** Key of the number of blocks after which one sees everything. */
  readonly every?: string;
  /** Key that must be true for windows to be used at all. */
  readonly when?: string;
}

/** Rotary embedding. */
export interface RopeDescription {
  /** Whether neighbouring channels are turned, not those half of the rotated ones apart. Default false. */
  readonly interleaved?: boolean;
  /** Whether `partial_rotary_factor` may leave channels as they are. Default false. */
  readonly partial?: boolean;
  /**
   * Which blocks have it: all (default), those with a window (`"windowed"`; `"windowedOrAll"` where `sliding_window` null means
   * all), or those that the list under a key marks with 1; where the list
   * is absent all but each Nth, with N under the key `every`.
   */
  readonly blocks?: "windowed" | "windowedOrAll" | {
    readonly list: string;
    readonly every: string;
  };
  /** Key of the base of blocks with a window, where they have their own table without scaling. */
  readonly localTheta?: string;
}

/**
 * A relative of Llama. Its block: norm -> q, k, v -> rotary embedding -> causal attention -> o, then
 * norm -> act(gate) * up -> down, each half added to the stream.
 */
export interface LlamaLike {
  /** The family's name. */
  readonly name: string;
  /** Values of `architectures` in `config.json`. */
  readonly architectures: readonly string[];
  /** Key of the object in `config.json` that describes the text model. Default: the file itself. */
  readonly config?: string;
  /** Values of `config.json` where it has none. */
  readonly defaults?: Readonly<Record<string, Json>>;
  /** Keys of `config.json` by what they hold, where they are not Llama's. */
  readonly keys?: Readonly<Partial<Record<ConfigKey, string>>>;
  /** Keys that ask for what is not done: they must be absent or hold one of these values. */
  readonly only?: Readonly<Record<string, readonly Json[]>>;
  /** Where checkpoints keep the model; the first that has the embedding counts. Default `model` and `lm_head`. */
  readonly places?: readonly ModelPlace[];
  /** Names under the model. Default `embed_tokens`, `layers`, `norm`. */
  readonly names?: {
    /** The embedding, without `.weight`. */
    readonly embedding?: string;
    /** What precedes a block's index. */
    readonly blocks?: string;
    /** The final norm, without `.weight`. */
    readonly finalNorm?: string;
  };
  /**
   * Paths of the linears under the block: `q`, `k`, `v` or `qkv`; `o`; `gate`, `up` or `gateUp`, or only `up` for an MLP without
   * gates; `down`. Default: Llama's.
   */
  readonly linears?: Readonly<Record<string, string>>;
  /**
   * Order of the outputs of `qkv`: all queries, all keys, all values (default), or for each key head its queries, its key and
   * its value.
   */
  readonly fusedOrder?: "kinds" | "groups";
  /** Which linears have a bias. Default: none. */
  readonly biases?: Readonly<Record<string, ConfigSwitch>>;
  /** The norms. Default: Llama's. */
  readonly norms?: NormsDescription;
  /** How the halves follow each other, as `BlockLayout` has it. Default `"sequential"`. */
  readonly order?: "sequential" | "parallel" | "after";
  /** Key that makes a block parallel, with the norm `attention` for both halves. */
  readonly parallelWhen?: string;
  /** Windows. Default: none. */
  readonly windows?: WindowsDescription;
  /** Rotary embedding. */
  readonly rope?: RopeDescription;
  /** Activations by the names that `config.json` may give, over those that are known anyway. */
  readonly activations?: Readonly<Record<string, Activation>>;
  /** Multiplies the embedding. Default 1. */
  readonly embeddingScale?: ConfigScalar;
  /** Whether that factor is rounded to the embedding's type. Default false. */
  readonly embeddingScaleRounded?: boolean;
  /** Multiplies q . k. Default headDim ^ -0.5. */
  readonly attentionScale?: ConfigScalar;
  /** Multiplies what each half adds to the stream. Default 1. */
  readonly residualScale?: ConfigScalar;
  /** Multiplies the logits. Default 1. */
  readonly logitScale?: ConfigScalar;
  /** Key of the cap on scores; absent or null for none. */
  readonly attentionSoftcap?: string;
  /** Key of the cap on logits; absent or null for none. */
  readonly logitSoftcap?: string;
}
