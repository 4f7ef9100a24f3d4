/**
 * A family of models as data: how its checkpoint names things and what its block is made of.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { ModelConfig } from "./config.ts";

/** A linear of a block. */
export interface LinearSpec {
  /** Its part: `"q"`, `"k"`, `"v"`, `"o"`, `"gate"`, `"up"`, `"down"`. */
  readonly role: string;
  /** Path under the block, for example `self_attn.q_proj`. */
  readonly path: string;
  /** Where its input is seen: `"attention"`, `"attentionOutput"`, `"mlp"`, `"mlpHidden"`. */
  readonly site: string;
}

/** A norm of a block. */
export interface NormSpec {
  /** Its part: `"attention"`, `"mlp"`, `"q"`, `"k"`. */
  readonly role: string;
  /** Path under the block, for example `input_layernorm`. */
  readonly path: string;
}

/** Where factors may be folded; the roles are those of the specs above. */
export interface ScaleSetSpec {
  /** The norm or linear whose output is divided. */
  readonly source: { readonly kind: "norm" | "linear"; readonly role: string };
  /** The linears whose columns are multiplied. */
  readonly linears: readonly string[];
  /** The module whose output the published search compares, if it is not the linear itself. */
  readonly module?: "attention" | "mlp";
}

/** A family of models. */
export interface Family {
  /** Its name, for example `llama`. */
  readonly name: string;
  /** Values of `architectures` in `config.json` that mean this family. */
  readonly architectures: readonly string[];
  /** Names of the tensors outside the blocks, and the blocks' prefix with `{i}` for the index. */
  readonly names: {
    readonly embedding: string;
    readonly finalNorm: string;
    readonly head: string;
    readonly block: string;
  };
  /** The linears of a block, in the order in which they are quantized. */
  readonly linears: readonly LinearSpec[];
  /** The norms of a block. */
  readonly norms: readonly NormSpec[];
  /** Where factors may be folded, in the order in which they are searched. */
  readonly scaleSets: readonly ScaleSetSpec[];
  /** Reads and checks `config.json`. */
  readConfig(raw: JsonObject): ModelConfig;
}
