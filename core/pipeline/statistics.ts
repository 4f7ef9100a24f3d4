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
import { TokenSample } from "./token_sample.ts";

/** The calibration windows: `samples` of `seqLen` tokens each. */
export interface Windows {
  /** Number of windows. */
  readonly samples: number;
  /** Tokens of a window. */
  readonly seqLen: number;
}

/**
 * Calibration tokens below which nothing is concluded from what an expert has seen: docs/experts.md measures where rounding
 * with the statistics of so few is no better than rounding to nearest.
 */
export const LEAST_TOKENS = 16;

/**
 * Statistics of the inputs X [tokens, K] at one site of a block: sums over the batches that
 * {@linkcode SiteStatistics.add} is given in order. Linears of one site share them. Afterwards they
 * follow the folds by {@linkcode SiteStatistics.divide}; the tensors stay the same objects, with
 * new contents.
 *
 * A routed site, that of an expert, sees some of the tokens, and nobody knows how many: there are no whole sequences of
 * them, and the sample of its tokens is thinned as they come.
 */
export class SiteStatistics implements Disposable {
  readonly #ops: Ops;
  readonly #windows: Windows;
  readonly #stack = new DisposableStack();
  #sum: Tensor | undefined; // F64 [K]
  #max: Tensor | undefined; // F32 [K]
  readonly #gram: Tensor | undefined; // F32 [K, K]
  readonly #sample: TokenSample | undefined;
  readonly #sequences: Tensor | undefined; // F32 [count * seqLen, K]
  readonly #routed: boolean;
  readonly #asked: MergedObservation;
  #tokens = 0;
  #factors: Float32Array | undefined;
  #absMean: Float32Array | undefined;
  #absMax: Float32Array | undefined;

  /**
   * Empty statistics of `channels` inputs, for what was asked of them.
   *
   * @param routed Whether only some of the windows' tokens come here.
   */
  constructor(
    ops: Ops,
    channels: number,
    asked: MergedObservation,
    windows: Windows,
    routed = false,
  ) {
    this.#ops = ops;
    this.#windows = windows;
    this.#asked = asked;
    this.#routed = routed;
    const { samples, seqLen } = windows;
    const total = samples * seqLen;
    const make = (dtype: "F32" | "F64", ...shape: number[]): Tensor =>
      this.#stack.use(ops.zeros(dtype, shape));
    if (asked.absMean || asked.absMax) {
      this.#sum = make("F64", channels);
      this.#max = make("F32", channels);
    }
    if (asked.gram) this.#gram = make("F32", channels, channels);
    if (asked.tokens > 0) {
      const count = Math.min(asked.tokens, total);
      const known = routed ? undefined : total;
      this.#sample = this.#stack.use(new TokenSample(ops, count, channels, known));
    }
    const kept = routed ? 0 : Math.min(asked.sequences, samples);
    if (kept > 0) this.#sequences = make("F32", kept * seqLen, channels);
  }

  /** Adds the next whole windows, or those of their tokens that come here: X [rows, K] F32. */
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
    await this.#sample?.add(input, first);
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
    this.#sample?.reset();
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
    await this.#sample?.scale(inverse);
    if (this.#sequences === undefined) return;
    await mapRows(ops, this.#sequences, (part) => ops.scaleColumns(part, inverse));
  }

  /** What plugins see. */
  get view(): InputStatistics {
    const { seqLen } = this.#windows;
    const sequences = this.#sequences;
    const sample = this.#sample?.tensor;
    const count = (sequences?.shape[0] ?? 0) / seqLen;
    if (this.#asked.absMean) this.#absMean ??= this.#read(this.#sum, 1 / Math.max(1, this.#tokens));
    if (this.#asked.absMax) this.#absMax ??= this.#read(this.#max, 1);
    return {
      tokens: this.#tokens,
      ...(this.#absMean === undefined ? {} : { absMean: this.#absMean }),
      ...(this.#absMax === undefined ? {} : { absMax: this.#absMax }),
      ...(this.#gram === undefined ? {} : { gram: this.#gram }),
      ...(sample === undefined ? {} : { sample }),
      ...(sequences === undefined
        ? {}
        : { sequences: { input: sequences, count, length: seqLen } }),
    };
  }

  /** Whether an expert has seen too few tokens for its statistics to say anything. */
  get isCold(): boolean {
    return this.#routed && this.#tokens < LEAST_TOKENS;
  }

  /** Tokens that have come. */
  get tokens(): number {
    return this.#tokens;
  }

  /** The Gram if there is one, else the sample; undefined where neither was asked, or {@linkcode SiteStatistics.isCold}. */
  get moment(): InputMoment | undefined {
    if (this.isCold) return undefined;
    if (this.#gram !== undefined) return { kind: "gram", gram: this.#gram };
    const sample = this.#sample?.tensor;
    if (sample === undefined) return undefined;
    return { kind: "tokens", sample, weight: this.#tokens / Math.max(1, sample.shape[0] ?? 0) };
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
