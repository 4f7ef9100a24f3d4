/**
 * A model whose residual stream, or the values of its heads, are rotated.
 *
 * @module
 */

import type { Backend, Ops, Weight } from "../backend.ts";
import type { Checkpoint, JsonObject } from "../checkpoint/types.ts";
import type { Architecture } from "../model/architecture.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Family } from "../model/family.ts";
import type { Block, EmbeddedRows, Model } from "../model/model.ts";
import { checkWeights } from "../pipeline/check_weights.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { checkRotatedBlock, checkRotatedEnds } from "./check_rotation.ts";
import { rotateBlock, type RotatedBlock } from "./rotate_block.ts";
import { RotatedEnds, type RotatedTensor } from "./rotated_ends.ts";
import type { Rotation } from "./rotation.ts";

/**
 * Computes the same as its source, up to the types that tensors are stored in. Blocks are rotated as they are loaded,
 * one at a time, and each is compared with the original the first time. It is untied where the stream is rotated: the
 * head takes the final norm's weight in, the embedding does not.
 */
export class RotatedModel implements Model {
  readonly directory: string;
  readonly family: Family;
  readonly config: ModelConfig;
  readonly architecture: Architecture;
  readonly rawConfig: JsonObject;
  readonly backend: Backend;
  readonly checkpoint: Checkpoint;
  readonly quantization: undefined;
  readonly linears: readonly LinearInfo[];
  /** The model as it was. */
  readonly source: Model;
  readonly #rotation: Rotation;
  readonly #ops: Ops;
  readonly #ends: RotatedEnds | undefined;
  readonly #rotated = new Map<number, Omit<RotatedBlock, "block">>();

  private constructor(source: Model, rotation: Rotation, ops: Ops) {
    this.source = source;
    this.directory = source.directory;
    this.family = source.family;
    this.backend = source.backend;
    this.checkpoint = source.checkpoint;
    this.linears = source.linears;
    this.#rotation = rotation;
    this.#ops = ops;
    const { residual } = rotation;
    this.#ends = residual && new RotatedEnds(source, residual);
    this.config = residual === undefined
      ? source.config
      : { ...source.config, tiedEmbeddings: false };
    this.architecture = { ...source.architecture, config: this.config };
    this.rawConfig = residual === undefined
      ? source.rawConfig
      : { ...source.rawConfig, tie_word_embeddings: false };
  }

  /**
   * Rotates a plain model and compares what its ends compute with the original.
   *
   * @param rotation Freed with the model.
   * @param ops Rotates the blocks; the ends use the backend, as they may outlive the run.
   * @throws {SalientError} `plugin`, naming those who rotated, where the result is not the same.
   */
  static async create(source: Model, rotation: Rotation, ops: Ops): Promise<RotatedModel> {
    const model = new RotatedModel(source, rotation, ops);
    try {
      if (model.#ends !== undefined) await checkRotatedEnds(source, model.#ends, rotation);
      return model;
    } catch (error) {
      model[Symbol.dispose]();
      throw error;
    }
  }

  async loadBlock(index: number): Promise<Block> {
    using stack = new DisposableStack();
    const plain = await this.source.loadBlock(index);
    stack.use(plain);
    const isFirst = !this.#rotated.has(index);
    if (isFirst) await checkWeights(this.#ops, this.source, plain); // a NaN would be spread over a whole tensor
    stack.move();
    const { block, ...roles } = await rotateBlock(this.#ops, this.source, plain, this.#rotation);
    if (isFirst) {
      try {
        await checkRotatedBlock(this.#ops, plain, block, this.#rotation, this.config.hiddenSize);
      } catch (error) {
        block[Symbol.dispose]();
        throw error;
      }
      this.#rotated.set(index, roles);
    }
    return block;
  }

  /** Which tensors of a block, once it was loaded, are not those of the checkpoint. */
  changesOf(index: number): Omit<RotatedBlock, "block"> {
    return this.#rotated.get(index) ?? { weights: new Set(), biases: new Set(), norms: new Set() };
  }

  /** The tensors outside the blocks that are not those of the checkpoint, with names to store them under. */
  ends(): AsyncGenerator<RotatedTensor> | readonly RotatedTensor[] {
    return this.#ends?.tensors() ?? [];
  }

  /** Bytes that the checkpoint grows by: those of the head, where it was tied. */
  get addedBytes(): number {
    return this.#ends?.addedBytes ?? 0;
  }

  releaseBlock(index: number): void {
    this.source.releaseBlock(index);
  }

  embed(ids: Int32Array, rows?: EmbeddedRows): Promise<Tensor> {
    return this.#ends?.embed(ids) ?? this.source.embed(ids, rows);
  }

  finalNorm(hidden: Tensor): Promise<Tensor> {
    return (this.#ends ?? this.source).finalNorm(hidden);
  }

  headWeight(): Promise<Tensor> {
    return (this.#ends ?? this.source).headWeight();
  }

  logits(hidden: Tensor, head?: Weight): Promise<Tensor> {
    return this.#ends?.logits(hidden, head) ?? this.source.logits(hidden, head);
  }

  /** Frees the rotation and what was made with it, not the source. */
  [Symbol.dispose](): void {
    this.#ends?.[Symbol.dispose]();
    this.#rotation.owned[Symbol.dispose]();
  }
}
