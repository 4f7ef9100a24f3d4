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

/** How a block reads and writes the residual stream; the roles are those of the specs above. */
export interface ResidualSpec {
  /** The norms that read it, each with the linears that see its output. */
  readonly readers: readonly { readonly norm: string; readonly linears: readonly string[] }[];
  /** The linears whose output is added to it. */
  readonly writers: readonly string[];
  /** The linear that makes the values of each head. */
  readonly values: string;
  /** The linear that reads what attention has made of them, head by head. */
  readonly output: string;
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
  /**
   * How the stream is read and written, if everything that touches it is a linear or a norm without a mean, so that
   * it can be rotated; undefined otherwise.
   */
  readonly residual?: ResidualSpec;
  /** Reads and checks `config.json`. */
  readConfig(raw: JsonObject): ModelConfig;
}
