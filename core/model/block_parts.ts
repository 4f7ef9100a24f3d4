/**
 * What a block that runs is made of.
 *
 * @module
 */

import type { Ops, Weight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { applyNorm } from "./apply_norm.ts";
import type { BlockLayout } from "./layout.ts";
import type { BlockLinear, BlockNorm, BlockRun } from "./model.ts";
import type { RopeCache } from "./rope_cache.ts";

/** What a block is made from. */
export interface BlockContents {
  /** Its index. */
  readonly index: number;
  /** Its structure. */
  readonly layout: BlockLayout;
  /** Where it runs. */
  readonly ops: Ops;
  /** The model's rotary tables by name; must outlive the block. */
  readonly ropes: ReadonlyMap<string, RopeCache>;
  /** Its linears by key. */
  readonly linears: ReadonlyMap<string, BlockLinear>;
  /** Its norms by role. */
  readonly norms: ReadonlyMap<string, BlockNorm>;
  /** [experts] what is added to a router's scores when experts are chosen, if anything is. */
  readonly correction?: Float32Array | undefined;
  /** Freed with the block. */
  readonly owned: readonly Disposable[];
}

/** A block's contents with what its halves do with them. */
export class BlockParts {
  /** What it is made from. */
  readonly contents: BlockContents;

  /** Parts of these contents. */
  constructor(contents: BlockContents) {
    this.contents = contents;
  }

  /** Operations on tensors. */
  get ops(): Ops {
    return this.contents.ops;
  }

  /** Structure of the block. */
  get layout(): BlockLayout {
    return this.contents.layout;
  }

  /** x [T, K] through the linear of that key: [T, N]. */
  async linear(key: string, x: Tensor, options: BlockRun): Promise<Tensor> {
    const linear = this.contents.linears.get(key);
    if (linear === undefined) throw this.#missing(key);
    const override = options.overrides?.get(linear.info.name);
    const weight: Weight = override ?? linear.weight;
    const { bias, activation, inputOrder } = linear;
    using ordered = override === undefined && inputOrder !== undefined
      ? await this.ops.selectColumns(x, inputOrder)
      : undefined;
    const run = { bias, activation, precision: options.precision };
    return await this.ops.linear(ordered ?? x, weight, run);
  }

  /** x through the norm of that role, a new tensor. */
  async norm(role: string, x: Tensor): Promise<Tensor> {
    const norm = this.contents.norms.get(role);
    if (norm === undefined) throw this.#missing(role);
    return await applyNorm(this.ops, x, norm);
  }

  /** Whether there is a norm of that role. */
  hasNorm(role: string): boolean {
    return this.contents.norms.has(role);
  }

  #missing(part: string): SalientError {
    return new SalientError("failed", `Block ${this.layout.name} has no part ${part}`);
  }
}
