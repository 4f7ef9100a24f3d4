/**
 * A block as it runs.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { replaceTensor } from "./replace_tensor.ts";
import { Attention } from "./attention.ts";
import { type BlockContents, BlockParts } from "./block_parts.ts";
import { mixExperts } from "./experts.ts";
import { fusedMlp, gatedMlp, plainMlp } from "./mlp.ts";
import type { Block, BlockLinear, BlockNorm, BlockRun } from "./model.ts";

/** Weights in place of some of a block's own. */
export interface BlockReplacement {
  /** Linears by key. */
  readonly linears?: ReadonlyMap<string, BlockLinear>;
  /** Norms by role. */
  readonly norms?: ReadonlyMap<string, BlockNorm>;
  /** Freed with the new block. Default: nothing. */
  readonly owned?: readonly Disposable[];
}

/** A block from its weights. */
export function makeBlock(contents: BlockContents): Block {
  return new DecoderBlock(contents);
}

/**
 * A block like `block` with some weights replaced: what a plugin's folds or a quantization made of it.
 * It frees only what `replacement.owned` lists; weights that it shares with `block` must outlive it.
 */
export function replaceWeights(block: Block, replacement: BlockReplacement): Block {
  if (!(block instanceof DecoderBlock)) {
    throw new SalientError("failed", `Block ${block.name} cannot be given other weights`);
  }
  return block.withWeights(replacement);
}

type Half = "attention" | "mlp";

class DecoderBlock implements Block {
  readonly index: number;
  readonly name: string;
  readonly linears: ReadonlyMap<string, BlockLinear>;
  readonly norms: ReadonlyMap<string, BlockNorm>;
  readonly #contents: BlockContents;
  readonly #parts: BlockParts;
  readonly #attention: Attention;

  constructor(contents: BlockContents) {
    this.index = contents.index;
    this.name = contents.layout.name;
    this.linears = contents.linears;
    this.norms = contents.norms;
    this.#contents = contents;
    this.#parts = new BlockParts(contents);
    this.#attention = new Attention(this.#parts);
  }

  withWeights(replacement: BlockReplacement): DecoderBlock {
    return new DecoderBlock({
      ...this.#contents,
      linears: new Map([...this.linears, ...replacement.linears ?? []]),
      norms: new Map([...this.norms, ...replacement.norms ?? []]),
      owned: replacement.owned ?? [],
    });
  }

  async run(hidden: Tensor, options: BlockRun): Promise<Tensor> {
    if (this.#contents.layout.order === "parallel") return await this.#parallel(hidden, options);
    using middle = await this.#half("attention", hidden, options);
    return await this.#half("mlp", middle, options);
  }

  runModule(module: Half, input: Tensor, options: BlockRun): Promise<Tensor> {
    return module === "attention" ? this.#attention.run(input, options) : this.#mlp(input, options);
  }

  [Symbol.dispose](): void {
    for (const resource of this.#contents.owned) resource[Symbol.dispose]();
  }

  /** The stream x after one half of the block. */
  async #half(half: Half, x: Tensor, options: BlockRun): Promise<Tensor> {
    const parts = this.#parts;
    const after = this.#contents.layout.order === "after";
    using normed = parts.hasNorm(half) && !after ? await parts.norm(half, x) : undefined;
    const sum = await this.#finish(half, await this.runModule(half, normed ?? x, options), x);
    return after ? await replaceTensor(sum, () => parts.norm(half, sum)) : sum;
  }

  /** Both halves read the input. */
  async #parallel(x: Tensor, options: BlockRun): Promise<Tensor> {
    const parts = this.#parts;
    using input = await parts.norm("attention", x);
    using own = parts.hasNorm("mlp") ? await parts.norm("mlp", x) : undefined;
    using attended = await this.#attention.run(input, options);
    using middle = await this.#finish("attention", parts.ops.reshape(attended, attended.shape), x);
    return await this.#finish("mlp", await this.#mlp(own ?? input, options), middle);
  }

  /** A half's output normed, scaled and added to the stream; a new tensor. The output is freed or returned. */
  async #finish(half: Half, output: Tensor, stream: Tensor): Promise<Tensor> {
    const parts = this.#parts;
    const role = half === "attention" ? "postAttention" : "postMlp";
    const scale = this.#contents.layout.residualScale ?? 1;
    let result = output;
    if (parts.hasNorm(role)) result = await replaceTensor(result, (x) => parts.norm(role, x));
    if (scale !== 1) result = await replaceTensor(result, (x) => scaled(parts.ops, x, scale));
    try {
      // The output is a new tensor, so the stream is added into it and not the other way round.
      await parts.ops.addInPlace(result, stream);
    } catch (error) {
      result[Symbol.dispose]();
      throw error;
    }
    return result;
  }

  /** x [T, H] is what the MLP reads. */
  #mlp(x: Tensor, options: BlockRun): Promise<Tensor> {
    const { mlp } = this.#contents.layout;
    switch (mlp.kind) {
      case "experts":
        return mixExperts(this.#parts, x, options, mlp);
      case "plain":
        return plainMlp(this.#parts, x, options, mlp.activation);
      case "gated": {
        const run = mlp.fused ? fusedMlp : gatedMlp;
        return run(this.#parts, x, options, mlp.activation);
      }
    }
  }
}

async function scaled(ops: Ops, x: Tensor, factor: number): Promise<Tensor> {
  return await ops.scaleColumns(x, new Float32Array(x.shape[1] ?? 0).fill(factor));
}
