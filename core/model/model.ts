/**
 * A model that is open: blocks that can be loaded one at a time and run.
 *
 * @module
 */

import type { Backend, Weight } from "../backend.ts";
import type { Checkpoint, JsonObject } from "../checkpoint/types.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import type { Architecture } from "./architecture.ts";
import type { Family } from "./family.ts";
import type { KvCache } from "./kv_cache.ts";
import type { NormSpec } from "./layout.ts";

/** A linear of a loaded block. */
export interface BlockLinear {
  /** Name, shape, role and site. */
  readonly info: LinearInfo;
  /** [N, K]: a view of the mapped file, or packed integers. */
  readonly weight: Weight;
  /** F32 [N], if there is one. */
  readonly bias: Tensor | undefined;
  /** How its input is rounded before the product; undefined where it is not. */
  readonly activation?: ActivationFormat | undefined;
  /** The input that column j of `weight` is multiplied with, where that is not input j (act-order). */
  readonly inputOrder?: Int32Array | undefined;
}

/** A norm of a loaded block. */
export interface BlockNorm {
  /** Full name without `.weight`. */
  readonly name: string;
  /** What it computes. */
  readonly spec: NormSpec;
  /** As its spec shapes it, in the checkpoint's type. */
  readonly weight: Tensor;
  /** Of the same shape and type, if there is one. */
  readonly bias?: Tensor | undefined;
}

/** Where embedded rows are in their sequences. */
export interface EmbeddedRows {
  /** Independent sequences, one after the other in the ids. Default 1. */
  readonly sequences?: number;
  /** Position of each sequence's first id. Default 0. */
  readonly start?: number;
}

/** Replaces weights while a block runs, by full name without `.weight`. */
export type WeightOverrides = ReadonlyMap<string, Weight>;

/** How a block is run. */
export interface BlockRun {
  /** Independent sequences, one after the other in the rows of the input. */
  readonly sequences: number;
  /** Position of each sequence's first row. Default: rows in the cache, else 0. */
  readonly start?: number;
  /**
   * Tokens that each sequence will have after this run and those that follow it at once: a prompt that is run in pieces. Some
   * rotary embeddings depend on it. Default: this run's last.
   */
  readonly length?: number;
  /** Keys and values of the tokens before; needs `sequences` 1. */
  readonly cache?: KvCache;
  /** One cache for each sequence, all equally full, in place of `cache`. */
  readonly caches?: readonly KvCache[];
  /** Sees the input of every site, [rows, K] F32, before the linears there run. */
  readonly observe?: (site: string, input: Tensor) => Promise<void>;
  /** Weights that stand in for the block's own. */
  readonly overrides?: WeightOverrides;
  /** Precision of the products. Default `"fp32"`. */
  readonly precision?: "fp32" | "bf16";
  /** Shows every expert every token, as if all went to it; the output stays the same. Default false. */
  readonly allExperts?: boolean;
  /**
   * The experts that tokens go to: written by a run that finds none, followed by a run that does. So two runs whose
   * router differs in the last bit can be compared, though it may decide which of two experts a token gets.
   */
  readonly choices?: ExpertChoices;
}

/** Which experts tokens went to, or have to go to. */
export interface ExpertChoices {
  /** For each token its experts; undefined where nothing was chosen yet. */
  chosen?: readonly (readonly number[])[];
}

/** One block's weights. Disposing it frees what it owns; views of the file cost nothing. */
export interface Block extends Disposable {
  /** Its index. */
  readonly index: number;
  /** Name, for example `model.layers.0`. */
  readonly name: string;
  /** Its linears by key: their role, or for example `experts.3.up`. */
  readonly linears: ReadonlyMap<string, BlockLinear>;
  /** Its norms by role. */
  readonly norms: ReadonlyMap<string, BlockNorm>;
  /** The block's output for hidden states [sequences * length, hiddenSize] F32; the input is not changed. */
  run(hidden: Tensor, options: BlockRun): Promise<Tensor>;
  /** Output of one module for that module's input (after its norm), without the residual. */
  runModule(module: "attention" | "mlp", input: Tensor, options: BlockRun): Promise<Tensor>;
}

/** How one linear is stored. */
export interface StoredLinear {
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale; that of the whole row is its length, never -1. */
  readonly groupSize: number;
  /** Whether the zero point is fixed in the middle. */
  readonly symmetric: boolean;
  /** How its activations are quantized, where they are. */
  readonly activation?: ActivationFormat;
}

/** How a checkpoint's linears are stored, where they are not plain. */
export interface StoredQuantization {
  /** Name of the format, for example `awq-gemm`. */
  readonly format: string;
  /** Bits of the integers of every quantized linear; null where they differ. */
  readonly bits: number | null;
  /** Inputs that share a scale, -1 for whole rows; null where linears differ. */
  readonly groupSize: number | null;
  /** How a linear is stored; undefined where it is plain. */
  of(linear: LinearInfo): StoredLinear | undefined;
}

/** An open model. */
export interface Model extends Disposable {
  /** Where it was opened. */
  readonly directory: string;
  /** Its family. */
  readonly family: Family;
  /** Its sizes and switches. */
  readonly config: ModelConfig;
  /** Its structure; `config` is part of it. */
  readonly architecture: Architecture;
  /** `config.json` as it is. */
  readonly rawConfig: JsonObject;
  /** The backend that its tensors live in and that runs it. */
  readonly backend: Backend;
  /** The checkpoint under it. */
  readonly checkpoint: Checkpoint;
  /** How its linears are stored; undefined where they are plain. */
  readonly quantization: StoredQuantization | undefined;
  /** Every linear inside the blocks, in order. */
  readonly linears: readonly LinearInfo[];
  /** Loads a block. The caller disposes it. */
  loadBlock(index: number): Promise<Block>;
  /** Lets the system drop the pages of a block's weights. */
  releaseBlock(index: number): void;
  /** Hidden states [ids, hiddenSize] F32 before the first block. */
  embed(ids: Int32Array, rows?: EmbeddedRows): Promise<Tensor>;
  /** Hidden states [T, hiddenSize] as the head takes them: after the final norm. */
  finalNorm(hidden: Tensor): Promise<Tensor>;
  /** The weight of the head [vocabSize, hiddenSize]. Owned by the model. */
  headWeight(): Promise<Tensor>;
  /**
   * Final norm and head: hidden states [T, hiddenSize] to logits [T, vocabSize] F32.
   *
   * @param head Stands in for the model's own.
   */
  logits(hidden: Tensor, head?: Weight): Promise<Tensor>;
}
