/**
 * The statistics of a linear's inputs, gathered while the calibration windows pass.
 *
 * @module
 */

import type { InputMoment, Ops } from "../backend.ts";
import type { InputStatistics } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { mapRows } from "./map_rows.ts";
import type { MergedObservation } from "./observation.ts";

/** The calibration windows: `samples` of `seqLen` tokens each. */
export interface Windows {
  /** Number of windows. */
  readonly samples: number;
  /** Tokens of a window. */
  readonly seqLen: number;
}

/**
 * Statistics of the inputs X [tokens, K] at one site of a block: sums over the batches that
 * {@linkcode SiteStatistics.add} is given in order. Linears of one site share them. Afterwards they
 * follow the folds by {@linkcode SiteStatistics.divide}; the tensors stay the same objects, with
 * new contents.
 */
export class SiteStatistics implements Disposable {
  readonly #ops: Ops;
  readonly #windows: Windows;
  readonly #stack = new DisposableStack();
  #sum: Tensor | undefined; // F64 [K]
  #max: Tensor | undefined; // F32 [K]
  readonly #gram: Tensor | undefined; // F32 [K, K]
  readonly #sample: Tensor | undefined; // F32 [n, K]
  readonly #sequences: Tensor | undefined; // F32 [count * seqLen, K]
  readonly #sampleRows: Float64Array; // [n] rows of X, ascending
  readonly #asked: MergedObservation;
  #tokens = 0;
  #factors: Float32Array | undefined;
  #absMean: Float32Array | undefined;
  #absMax: Float32Array | undefined;

  /** Empty statistics of `channels` inputs, for what was asked of them. */
  constructor(ops: Ops, channels: number, asked: MergedObservation, windows: Windows) {
    this.#ops = ops;
    this.#windows = windows;
    this.#asked = asked;
    const { samples, seqLen } = windows;
    const total = samples * seqLen;
    this.#sampleRows = evenlySpread(Math.min(asked.tokens, total), total);
    const make = (dtype: "F32" | "F64", ...shape: number[]): Tensor =>
      this.#stack.use(ops.zeros(dtype, shape));
    if (asked.absMean || asked.absMax) {
      this.#sum = make("F64", channels);
      this.#max = make("F32", channels);
    }
    if (asked.gram) this.#gram = make("F32", channels, channels);
    if (asked.tokens > 0) this.#sample = make("F32", this.#sampleRows.length, channels);
    const kept = Math.min(asked.sequences, samples);
    if (kept > 0) this.#sequences = make("F32", kept * seqLen, channels);
  }

  /** Adds the next whole windows: X [windows * seqLen, K] F32. */
  async add(input: Tensor): Promise<void> {
    const ops = this.#ops;
    const rows = input.shape[0] ?? 0;
    const first = this.#tokens;
    this.#tokens += rows;
    this.#absMean = this.#absMax = undefined;
    if (this.#sum !== undefined && this.#max !== undefined) {
      await ops.accumulateAbs(input, this.#sum, this.#max);
    }
    if (this.#gram !== undefined) await ops.accumulateGram(input, this.#gram);
    if (this.#sample !== undefined) {
      const start = lowerBound(this.#sampleRows, first);
      const picked = this.#sampleRows.subarray(start, lowerBound(this.#sampleRows, first + rows));
      if (picked.length > 0) {
        using part = await ops.embed(input, Int32Array.from(picked, (row) => row - first));
        await ops.copyRows(part, this.#sample, start);
      }
    }
    const wanted = Math.min(rows, (this.#sequences?.shape[0] ?? 0) - first);
    if (this.#sequences !== undefined && wanted > 0) {
      using part = ops.rows(input, 0, wanted);
      await ops.copyRows(part, this.#sequences, first);
    }
  }

  /** Forgets all inputs, so that those of another block can be added. The tensors stay the same objects. */
  async reset(): Promise<void> {
    const ops = this.#ops;
    this.#tokens = 0;
    this.#factors = this.#absMean = this.#absMax = undefined;
    if (this.#sum !== undefined) this.#sum = this.#stack.use(ops.zeros("F64", this.#sum.shape));
    if (this.#max !== undefined) this.#max = this.#stack.use(ops.zeros("F32", this.#max.shape));
    if (this.#gram === undefined) return;
    await ops.scaleGram(this.#gram, new Float32Array(this.#gram.shape[0] ?? 0));
  }

  /** Channels have been divided by `factors` [K]: so are the statistics. */
  async divide(factors: Float32Array): Promise<void> {
    const ops = this.#ops;
    const inverse = factors.map((factor) => 1 / factor);
    this.#factors = this.#factors?.map((total, k) => total * (factors[k] ?? 1)) ?? factors.slice();
    this.#absMean = this.#absMax = undefined;
    if (this.#gram !== undefined) await ops.scaleGram(this.#gram, inverse);
    for (const tensor of [this.#sample, this.#sequences]) {
      if (tensor === undefined) continue;
      await mapRows(ops, tensor, (part) => ops.scaleColumns(part, inverse));
    }
  }

  /** What plugins see. */
  get view(): InputStatistics {
    const { seqLen } = this.#windows;
    const sequences = this.#sequences;
    const count = (sequences?.shape[0] ?? 0) / seqLen;
    if (this.#asked.absMean) this.#absMean ??= this.#read(this.#sum, 1 / Math.max(1, this.#tokens));
    if (this.#asked.absMax) this.#absMax ??= this.#read(this.#max, 1);
    return {
      tokens: this.#tokens,
      ...(this.#absMean === undefined ? {} : { absMean: this.#absMean }),
      ...(this.#absMax === undefined ? {} : { absMax: this.#absMax }),
      ...(this.#gram === undefined ? {} : { gram: this.#gram }),
      ...(this.#sample === undefined ? {} : { sample: this.#sample }),
      ...(sequences === undefined
        ? {}
        : { sequences: { input: sequences, count, length: seqLen } }),
    };
  }

  /** The Gram if there is one, else the sample; undefined where neither was asked. */
  get moment(): InputMoment | undefined {
    if (this.#gram !== undefined) return { kind: "gram", gram: this.#gram };
    if (this.#sample === undefined) return undefined;
    const weight = this.#tokens / Math.max(1, this.#sampleRows.length);
    return { kind: "tokens", sample: this.#sample, weight };
  }

  /** Frees the tensors. */
  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #read(tensor: Tensor | undefined, scale: number): Float32Array | undefined {
    if (tensor === undefined) return undefined;
    const factors = this.#factors;
    return this.#ops.download(tensor).map((value, k) => value * scale / (factors?.[k] ?? 1));
  }
}

/** `count` whole numbers, evenly spread over [0, total). */
function evenlySpread(count: number, total: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => Math.floor(i * total / count));
}

/** Index of the first entry that is at least `value`; entries ascend. */
function lowerBound(entries: Float64Array, value: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
