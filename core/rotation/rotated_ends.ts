/**
 * Embedding, final norm and head under a rotation of the residual stream.
 *
 * @module
 */

import type { Weight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { applyNorm } from "../model/apply_norm.ts";
import type { NormSpec } from "../model/layout.ts";
import type { BlockNorm, Model } from "../model/model.ts";
import { tiedEnds } from "../model/tied_ends.ts";
import { castable } from "../pipeline/fold_factors.ts";
import { rowPieces } from "../pipeline/map_rows.ts";
import type { DType, Tensor } from "../tensor.ts";
import type { OrthogonalMatrix } from "./orthogonal_matrix.ts";
import { unitNorm } from "./rotate_block.ts";

/** A tensor to be stored. */
export interface RotatedTensor {
  /** Name in the checkpoint. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** Sizes. */
  readonly shape: readonly number[];
  /** Its rows in order, in pieces. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Bytes of a tensor that are rotated at a time. */
const PIECE = 2 << 20;

/**
 * The embedding E becomes E R, the head W becomes W diag(g) R with the final norm's weight g, the norm 1. Rows are
 * rotated when they are needed; only the head is kept, once logits are asked for.
 */
export class RotatedEnds implements Disposable {
  readonly #source: Model;
  readonly #rotation: OrthogonalMatrix;
  readonly #names: { readonly embedding: string; readonly head: string };
  readonly #norm: NormSpec;
  #head: Tensor | undefined;
  #unit: Tensor | undefined;

  /** @param rotation Must outlive it. */
  constructor(source: Model, rotation: OrthogonalMatrix) {
    this.#source = source;
    this.#rotation = rotation;
    const { finalNorm } = source.architecture.ends;
    if (finalNorm === undefined) throw new SalientError("failed", "The model has no final norm");
    this.#norm = finalNorm;
    this.#names = tiedEnds(source.architecture, source.checkpoint);
  }

  /** Bytes of the head where there was none before. */
  get addedBytes(): number {
    const { entries } = this.#source.checkpoint;
    const { embedding, head } = this.#source.architecture.ends;
    const stored = entries.get(this.#names.head);
    return stored === undefined || (entries.has(embedding) && entries.has(head))
      ? 0
      : stored.byteLength;
  }

  /** Rows of the rotated embedding, as they are after being stored: F32. */
  async embed(ids: Int32Array): Promise<Tensor> {
    const { backend } = this.#source;
    using rows = await this.#source.embed(ids);
    using rotated = await this.#rotation.apply(rows);
    using stored = await backend.cast(rotated, this.#storedType(this.#names.embedding));
    return await backend.cast(stored, "F32");
  }

  /** Hidden states as the rotated head takes them. */
  async finalNorm(hidden: Tensor): Promise<Tensor> {
    this.#unit ??= await this.#unitNorm();
    return await applyNorm(this.#source.backend, hidden, this.#normOf(this.#unit));
  }

  /** The rotated head, as it is after being stored. */
  async headWeight(): Promise<Tensor> {
    return this.#head ??= await this.#rotatedHead();
  }

  /** Logits of the rotated head. */
  async logits(hidden: Tensor, head?: Weight): Promise<Tensor> {
    using normed = await this.finalNorm(hidden);
    return await this.#source.backend.linear(normed, head ?? await this.headWeight());
  }

  /**
   * Some logits, from the original's final norm and head and from the rotated ones before they are rounded.
   *
   * @param hidden F32 [T, hiddenSize], the plain stream.
   */
  async compareLogits(
    hidden: Tensor,
    start: number,
    count: number,
  ): Promise<{ readonly expected: Float32Array; readonly found: Float32Array }> {
    const { backend, checkpoint } = this.#source;
    using norm = this.#storedNorm();
    using head = checkpoint.tensor(this.#names.head);
    using rows = backend.rows(head, start, count);
    using normed = await applyNorm(backend, hidden, this.#normOf(norm));
    using plain = await backend.linear(normed, rows);
    using stream = await this.#rotation.apply(hidden);
    using unit = await this.#unitNorm();
    using normedStream = await applyNorm(backend, stream, this.#normOf(unit));
    using rotatedRows = await this.#headRows(start, count);
    using rotated = await backend.linear(normedStream, rotatedRows);
    return { expected: backend.download(plain), found: backend.download(rotated) };
  }

  /** Some rows of the head, rotated, before rounding: F32. */
  async #headRows(start: number, count: number): Promise<Tensor> {
    const { backend, checkpoint } = this.#source;
    using head = checkpoint.tensor(this.#names.head);
    using rows = backend.rows(head, start, count);
    using scaled = await backend.scaleColumns(rows, this.#normWeights());
    return await this.#rotation.apply(scaled);
  }

  /** What is to be stored in place of the original's tensors. */
  async *tensors(): AsyncGenerator<RotatedTensor> {
    const { backend, architecture: { ends }, checkpoint } = this.#source;
    const embedding = this.#stored(this.#names.embedding);
    yield { name: ends.embedding, ...embedding, bytes: this.#embeddingBytes() };
    const head = this.#stored(this.#names.head);
    yield { name: ends.head, ...head, bytes: this.#headBytes() };
    using norm = await this.#unitNorm();
    const bytes = backend.downloadBytes(norm);
    yield {
      name: `${this.#norm.path}.weight`,
      dtype: norm.dtype,
      shape: norm.shape,
      bytes: (async function* () {
        yield await Promise.resolve(bytes);
      })(),
    };
    checkpoint.release(this.#names.embedding);
    checkpoint.release(this.#names.head);
  }

  /** Frees what was kept. */
  [Symbol.dispose](): void {
    this.#head?.[Symbol.dispose]();
    this.#unit?.[Symbol.dispose]();
    this.#head = undefined;
    this.#unit = undefined;
  }

  async *#embeddingBytes(): AsyncGenerator<Uint8Array> {
    const { backend, checkpoint } = this.#source;
    const dtype = this.#storedType(this.#names.embedding);
    using table = checkpoint.tensor(this.#names.embedding);
    for (const { start, count } of rowPieces(table, PIECE)) {
      using rows = backend.rows(table, start, count);
      using wide = await backend.cast(rows, "F32");
      using rotated = await this.#rotation.apply(wide);
      using stored = await backend.cast(rotated, dtype);
      yield backend.downloadBytes(stored);
    }
  }

  async *#headBytes(): AsyncGenerator<Uint8Array> {
    const { backend } = this.#source;
    for await (const { part } of this.#headParts()) yield backend.downloadBytes(part);
  }

  async #rotatedHead(): Promise<Tensor> {
    const { backend } = this.#source;
    const { dtype, shape } = this.#stored(this.#names.head);
    const head = backend.zeros(dtype, shape);
    try {
      for await (const { part, start } of this.#headParts()) {
        await backend.copyRows(part, head, start);
      }
      return head;
    } catch (error) {
      head[Symbol.dispose]();
      throw error;
    }
  }

  async *#headParts(): AsyncGenerator<{ readonly part: Tensor; readonly start: number }> {
    const { backend, checkpoint } = this.#source;
    const dtype = this.#storedType(this.#names.head);
    using head = checkpoint.tensor(this.#names.head);
    for (const { start, count } of rowPieces(head, PIECE)) {
      using rows = await this.#headRows(start, count);
      using part = await backend.cast(rows, dtype);
      yield { part, start };
    }
  }

  #normWeights(): Float32Array {
    using norm = this.#storedNorm();
    return this.#source.backend.download(norm).map((value) => value + (this.#norm.offset ?? 0));
  }

  async #unitNorm(): Promise<Tensor> {
    using norm = this.#storedNorm();
    return await unitNorm(this.#source.backend, norm, this.#norm.offset ?? 0);
  }

  #storedNorm(): Tensor {
    return this.#source.checkpoint.tensor(`${this.#norm.path}.weight`);
  }

  #normOf(weight: Tensor): BlockNorm {
    return { name: this.#norm.path, spec: this.#norm, weight };
  }

  #stored(name: string): { readonly dtype: "F32" | "F16" | "BF16"; readonly shape: number[] } {
    const { vocabSize, hiddenSize } = this.#source.config;
    return { dtype: this.#storedType(name), shape: [vocabSize, hiddenSize] };
  }

  #storedType(name: string): "F32" | "F16" | "BF16" {
    return castable(this.#source.checkpoint.entries.get(name)?.dtype ?? "F32");
  }
}
