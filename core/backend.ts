/**
 * The backend interface: few, large operations on tensors.
 *
 * Shapes are written [rows, columns]; T is a number of tokens, K the inputs and N the outputs of a
 * linear, G = K / groupSize its groups. Activations are F32. An operation that may take long returns a
 * promise; everything else is immediate. Every tensor returned belongs to the caller.
 *
 * @module
 */

import type {
  CompensatedWeight,
  CompensateOptions,
  FactorOptions,
  GramFactor,
} from "./compensation.ts";
import type { Activation } from "./activation.ts";
import type { ActivationFormat } from "./activation_format.ts";
import type { AttentionShape } from "./attention_shape.ts";
import type { SamplerOptions } from "./choose_token.ts";
import type { AffineGrid } from "./grid.ts";
import type { RecordStep } from "./recorded_step.ts";
import type { MappedFile } from "./mapped_file.ts";
import type { RopeShape } from "./rope_shape.ts";
import type { DType, Tensor } from "./tensor.ts";

export type { Activation } from "./activation.ts";
export { activationFault, type ActivationFormat } from "./activation_format.ts";
export type { AttentionShape } from "./attention_shape.ts";
export { chooseToken, MAX_LOGITS, type SamplerOptions } from "./choose_token.ts";
export { SalientError } from "./errors.ts";
export type {
  CompensatedWeight,
  CompensateOptions,
  FactorOptions,
  GramFactor,
} from "./compensation.ts";
export { type AffineGrid, maxCode } from "./grid.ts";
export type { MappedFile } from "./mapped_file.ts";
export type { RecordedStep, RecordStep, StepPlace, StepRecording } from "./recorded_step.ts";
export type { RopeShape } from "./rope_shape.ts";

/** A quantized weight as plain integers. Owned by whoever holds it: dispose all three tensors. */
export interface QuantizedWeight extends Disposable {
  /** The grid, with `groupSize` resolved (never -1). */
  readonly grid: AffineGrid;
  /** [N, K] U8, each 0 to 2^bits - 1. */
  readonly codes: Tensor;
  /** [N, G] F32, holding values already rounded to `grid.scaleDtype`. */
  readonly scales: Tensor;
  /** [N, G] U8 zero points. */
  readonly zeros: Tensor;
}

/**
 * A quantized weight in the layout that the backend's kernels run. On the CPU integers of up to 4 bits take 4
 * and others a byte; on CUDA those of 2 and 3 bits take 2 and 3. It is never unpacked to floating point as a whole.
 */
export interface PackedWeight extends Disposable {
  /** Tells it from a {@linkcode Tensor}. */
  readonly packed: true;
  /** [N, K]. */
  readonly shape: readonly number[];
  /** Bits of the integers. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Bytes it takes in memory. */
  readonly byteLength: number;
}

/** A weight [N, K] that {@linkcode Backend.linear} takes. */
export type Weight = Tensor | PackedWeight;

/** How eight 4-bit integers share a 32-bit word. */
export interface Int4Layout {
  /**
   * `"out"`: a word holds eight neighbouring outputs of one input, the result is [K, N/8] (AWQ GEMM).
   * `"in"`: a word holds eight neighbouring inputs of one output, the result is [N, K/8].
   */
  readonly along: "out" | "in";
  /** `order[i]` is the neighbour (0 to 7) held by nibble i, bits 4i to 4i+3. */
  readonly order: readonly number[];
}

/** Whether a tensor can be used. */
export interface TensorSummary {
  /** Elements that are NaN or infinite. */
  nonFinite: number;
  /** Largest absolute value among the finite ones. */
  absMax: number;
  /** Columns (last axis) that are zero in every row. */
  zeroColumns: number;
}

/** What the clip search found. */
export interface ClipResult extends Disposable {
  /** [N, G] F32: each group's weights are clamped to +-bound before its grid is fitted. */
  readonly bounds: Tensor;
  /** Groups whose best bound is below their largest weight. */
  readonly clipped: number;
}

/** A weight rounded on ranges that were searched. Disposing `weight` frees it. */
export interface RangedWeight {
  /** The integers, scales and zero points. */
  readonly weight: QuantizedWeight;
  /** Groups whose range is not that of their weights. */
  readonly clipped: number;
}

/**
 * What is known of a linear's inputs X [tokens, K], for measuring the error of its output:
 * the Gram X^T X [K, K], or some of X's rows [n, K] whose squared errors are multiplied by `weight`
 * (tokens / n). Both F32.
 */
export type InputMoment =
  | { readonly kind: "gram"; readonly gram: Tensor }
  | { readonly kind: "tokens"; readonly sample: Tensor; readonly weight: number };

/** Operations on tensors: what `ctx.ops` gives a plugin, and the model's forward pass uses. */
export interface Ops {
  /** A new tensor full of zeros. */
  zeros(dtype: DType, shape: readonly number[]): Tensor;
  /** A new tensor with the bytes of `data` (a typed array of exactly the tensor's size in bytes). */
  upload(data: ArrayBufferView, dtype: DType, shape: readonly number[]): Tensor;
  /** The values as fp32, whatever the dtype. */
  download(tensor: Tensor): Float32Array<ArrayBuffer>;
  /** The bytes as they are. */
  downloadBytes(tensor: Tensor): Uint8Array<ArrayBuffer>;
  /** A view of `count` rows (first axis) from `start`; keeps its parent alive. */
  rows(tensor: Tensor, start: number, count: number): Tensor;
  /** The same elements under another shape; a view that keeps its parent alive. */
  reshape(tensor: Tensor, shape: readonly number[]): Tensor;
  /** A converted copy (F64, F32, F16, BF16, F8_E4M3 to F32, F16 or BF16), rounded half to even. */
  cast(tensor: Tensor, dtype: "F32" | "F16" | "BF16"): Promise<Tensor>;
  /** Copies the rows of `source` over those of `target` from `row` on; same dtype and width. */
  copyRows(source: Tensor, target: Tensor, row: number): Promise<void>;

  /**
   * x W^T + b: x F32 [T, K], W [N, K], b F32 [N]; F32 [T, N]. `"bf16"` rounds x and W to bf16.
   *
   * With an `activation` x is rounded to integers first, and `precision` does not matter: a token's row is
   * `q * scale`, and the output `scale * (q W^T) + b`. Where W has more than 4 bits and one scale for each row, the products
   * are of integers. A row with NaN, or with an infinity that has to give the scale, becomes NaN.
   */
  linear(
    x: Tensor,
    weight: Weight,
    options?: {
      bias?: Tensor | undefined;
      precision?: "fp32" | "bf16" | undefined;
      activation?: ActivationFormat | undefined;
    },
  ): Promise<Tensor>;
  /** Rows `ids` of a table [V, H] of any float type; F32 [ids, H]. */
  embed(table: Tensor, ids: Int32Array): Promise<Tensor>;
  /** x / sqrt(mean(x^2) + eps) * (weight + offset) over the last axis, whose length is weight's. */
  rmsNorm(x: Tensor, weight: Tensor, eps: number, offset: number): Promise<Tensor>;
  /**
   * (x - mean) / sqrt(variance + eps) * weight + bias over the last axis of x F32, whose length is K. The variance is
   * the mean squared distance from the mean. weight and bias [K] of any float type; 1 and 0 where undefined.
   */
  layerNorm(
    x: Tensor,
    weight: Tensor | undefined,
    bias: Tensor | undefined,
    eps: number,
  ): Promise<Tensor>;
  /**
   * Rotates pairs of each head's first R channels in place: (i, i + R/2), or (2i, 2i + 1) where `interleaved`.
   * x F32 [T, heads * headDim]; table F32 [positions, R]: cos of pair i in column i, sin in column R/2 + i.
   */
  rope(x: Tensor, table: Tensor, shape: RopeShape): Promise<void>;
  /** Causal attention. q F32 [S*Tq, heads*headDim], k and v F32 [S*Tk, kvHeads*headDim]; as q. */
  attention(q: Tensor, k: Tensor, v: Tensor, shape: AttentionShape): Promise<Tensor>;
  /** activation(gate) * up, element by element. */
  gatedActivation(gate: Tensor, up: Tensor, activation: Activation): Promise<Tensor>;
  /** x = activation(x), element by element, in place. x F32. */
  activate(x: Tensor, activation: Activation): Promise<void>;
  /** x = cap * tanh(x / cap), element by element, in place. x F32; cap above 0. */
  softcap(x: Tensor, cap: number): Promise<void>;
  /**
   * Column j of the result is x's column `columns[j]`, or 0 where that is -1. x F32 [T, K]; F32 [T, columns].
   * Runs of consecutive columns are copied as one, so splitting or reordering heads costs what a copy costs.
   */
  selectColumns(x: Tensor, columns: Int32Array): Promise<Tensor>;
  /**
   * `target[rows[i]] += weights[i] * source[i]`, row by row in the order of i; rows may repeat. Product and sum are
   * each rounded to fp32, so the result is the same for any number of threads. target F32 [M, K]; source F32 [n, K].
   */
  addRows(
    target: Tensor,
    source: Tensor,
    rows: Int32Array,
    weights: Float32Array,
  ): Promise<void>;
  /** x += y, element by element. */
  addInPlace(x: Tensor, y: Tensor): Promise<void>;
  /**
   * The token of each row of logits F32 [T, V], as {@linkcode chooseToken} defines it, by the row's number of `random`; -1
   * where a row's logits are not finite.
   */
  chooseTokens(logits: Tensor, options: SamplerOptions, random: Float64Array): Promise<Int32Array>;
  /** Negative log-likelihood of `targets[t]` under softmax(logits[t]); -1 skips a row (gives 0). */
  negativeLogLikelihood(logits: Tensor, targets: Int32Array): Promise<Float64Array>;

  /** sum[k] += sum over tokens |x|, max[k] = max(max[k], |x|). x F32 [T, K]; sum F64 [K]; max F32 [K]. */
  accumulateAbs(x: Tensor, sum: Tensor, max: Tensor): Promise<void>;
  /** gram += X^T X. x F32 [T, K]; gram F32 [K, K], kept symmetric. */
  accumulateGram(x: Tensor, gram: Tensor): Promise<void>;
  /** A copy of w as F32 with column k multiplied by `factors[k]`. w [N, K] of any float type. */
  scaleColumns(w: Tensor, factors: Float32Array): Promise<Tensor>;
  /** A copy of w as F32 with row n multiplied by `factors[n]`. w [N, K], or [N]. */
  scaleRows(w: Tensor, factors: Float32Array): Promise<Tensor>;
  /** gram[i][j] *= factors[i] * factors[j], in place: the Gram of x * factors. */
  scaleGram(gram: Tensor, factors: Float32Array): Promise<void>;
  /** Counts what makes a weight unusable. */
  summarize(tensor: Tensor): Promise<TensorSummary>;

  /**
   * Rounds w [N, K] (F32, F16 or BF16) to the grid. `bounds` [N, G] F32 clamps each group to +-bound first.
   */
  quantize(
    w: Tensor,
    grid: AffineGrid,
    options?: { bounds?: Tensor | undefined },
  ): Promise<QuantizedWeight>;
  /** (q - zero) * scale: F32 [N, K]. */
  dequantize(weight: QuantizedWeight): Promise<Tensor>;
  /** Q(w * s) / s as F32 [N, K], in one pass. */
  fakeQuantize(w: Tensor, grid: AffineGrid, s?: Float32Array): Promise<Tensor>;
  /**
   * For each candidate s of C the squared error of the output, ||X D^T||^2 = trace(D G D^T) with
   * D = w - Q(w * s) / s. w [N, K] of any float type, candidates F32 [C, K]; C sums in fp64.
   */
  scaleLosses(
    w: Tensor,
    moment: InputMoment,
    grid: AffineGrid,
    candidates: Tensor,
  ): Promise<Float64Array>;
  /**
   * The squared error of one s [K], as {@linkcode Ops.scaleLosses}, and its derivative by log s, [K] in fp64. Rounding
   * counts as straight through (derivative 1), clamping as 1 inside and 0 outside; a group's scale and zero
   * point follow its lowest and highest weight. The derivatives of a group sum to 0.
   */
  scaleGradient(
    w: Tensor,
    moment: InputMoment,
    grid: AffineGrid,
    s: Float32Array,
  ): Promise<{ loss: number; gradient: Float64Array }>;
  /** ||X D^T||^2 for D = w - (q - zero) * scale: the squared error of a finished weight. */
  quantizationLoss(w: Tensor, moment: InputMoment, weight: QuantizedWeight): Promise<number>;
  /** ||X w^T||^2: the squared output itself, which errors are divided by. */
  outputEnergy(w: Tensor, moment: InputMoment): Promise<number>;
  /**
   * Means over rows of |w[n][k]| / (largest |w| of k's group in row n + 1e-6): F32 [K]. The weight term
   * of AutoAWQ's search. w [N, K] of any float type.
   */
  relativeMagnitude(w: Tensor, groupSize: number): Promise<Float32Array>;
  /**
   * For each row and group the bound, among `steps` from 1 down to `1 - maxShrink` of the largest
   * |w| (exclusive, as the published search: 1 - i * maxShrink / steps), that gives the least
   * d G_gg d^T on the Gram's diagonal block, or sum of (x_g . d)^2 on the sample. w [N, K].
   */
  clipSearch(
    w: Tensor,
    moment: InputMoment,
    grid: AffineGrid,
    options: { steps: number; maxShrink: number },
  ): Promise<ClipResult>;
  /**
   * Rounds w [N, K] with each group on the range, of those that follow, that gives its row the least
   * squared output error ||X d^T||^2, by coordinate descent: the groups of a row in turn, each against the
   * error that the others leave, `sweeps` times or until nothing changes. It starts from the plain ranges, so no row's
   * error is above that of `quantize`.
   *
   * With f of `steps` from 1 down to `1 - maxShrink` (exclusive), in this order: both ends clamped to
   * +-f times the group's largest |w|; then, unless the grid is symmetric, the upper end at f times
   * max(w, 0) with the best lower end so far; then the lower end at f times min(w, 0) with the best upper
   * end. Weights beyond an end go to its integer.
   */
  searchRanges(
    w: Tensor,
    moment: InputMoment,
    grid: AffineGrid,
    options: { steps: number; maxShrink: number; sweeps: number },
  ): Promise<RangedWeight>;
  /**
   * Factorizes a Gram [K, K] F32 for {@linkcode Ops.compensate}: R upper triangular with R R^T = G + damping in the
   * order of rounding. An input that is 0 for every token gets the diagonal 1. Undefined where the Gram is not
   * positive definite however it is damped.
   */
  factorGram(gram: Tensor, options: FactorOptions): Promise<GramFactor | undefined>;
  /**
   * GPTQ (Frantar et al., 2022, algorithm 1): rounds the columns of w [N, K] one after the other, and lets those that
   * follow make up for the error of those before. Column c goes to the nearest point of its grid from
   * w_c + (sum over k before c of (w_k - Q_k) R_kc) / R_cc, which is the published update. Weights whose inputs are all 0
   * count as 0. NaN and infinite weights are refused.
   */
  compensate(
    w: Tensor,
    factor: GramFactor,
    grid: AffineGrid,
    options?: CompensateOptions,
  ): Promise<CompensatedWeight>;
  /**
   * Coordinate descent on the scales: for each channel in turn tries s[k] * factor for each of
   * `factors` and keeps what lowers the sum over `weights` of trace(D gram D^T). `channelOf[k]` names
   * the free scale of input k (equal entries move together). Returns the new s [K] and its loss.
   */
  refineScales(
    weights: readonly Tensor[],
    gram: Tensor,
    grid: AffineGrid,
    s: Float32Array,
    options: { factors: Float32Array; channelOf: Uint32Array },
  ): Promise<{ s: Float32Array; loss: number; initialLoss: number }>;

  /** Codes [N, K] (values 0 to 15) to words: I32 [K, N/8] or [N, K/8]. */
  packInt4(codes: Tensor, layout: Int4Layout): Promise<Tensor>;
  /** The inverse of {@linkcode Ops.packInt4}: U8 [N, K]. */
  unpackInt4(words: Tensor, layout: Int4Layout): Promise<Tensor>;
  /** The layout that {@linkcode Ops.linear} runs. The quantized weight may be disposed afterwards. */
  pack(weight: QuantizedWeight): Promise<PackedWeight>;
}

/** A backend: its operations, its files and what it is. */
export interface Backend extends Ops, Disposable {
  /** `"cpu"`, `"cuda"` or `"reference"`. */
  readonly name: string;
  /** Version, instruction set and threads, for people. */
  readonly detail: string;
  /** Records a step of decoding; only in backends where launching operations costs as much as they do. */
  readonly recordStep?: RecordStep;
  /** Maps a file for reading. The caller has checked that it may read it. */
  mapFile(path: string): MappedFile;
  /** Highest resident set size of this process so far, in bytes. */
  peakRssBytes(): number;
  /** Most bytes of a device's own memory that were taken so far; undefined where tensors are in the host's. */
  peakDeviceBytes(): number | undefined;
  /** Bytes of all living tensors that are not views. */
  allocatedBytes(): number;
  /** Hands cached scratch memory back to the system. */
  trim(): void;
}
