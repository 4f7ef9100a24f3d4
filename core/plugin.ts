/**
 * The plugin contract: everything a plugin may know of Salient, published as `@salient/quant/plugin`.
 *
 * A plugin is a plain object made by {@linkcode definePlugin}. Its hooks are of four kinds:
 *
 * | hook | kind |
 * |---|---|
 * | `setup`, `transformModel`, `transformBlock` | sequential: every plugin in turn |
 * | `observe` | merged: the union of what the plugins ask for |
 * | `quantizeLinear`, `quantizeActivation` | first answer wins |
 * | `blockDone`, `finish` | parallel |
 *
 * Plugins run in the order given, those with `enforce: "pre"` before and `"post"` after the others.
 *
 * @module
 */

import type { ActivationFormat } from "./activation_format.ts";
import type { InputMoment, Ops, QuantizedWeight } from "./backend.ts";
import type { GridHelpers, GridOptions } from "./grid_helpers.ts";
import type { LinearReport } from "./linear_report.ts";
import type { DType, Tensor } from "./tensor.ts";

export type { ErrorCode, ErrorPlace } from "./errors.ts";
export { SalientError } from "./errors.ts";
export { maxCode } from "./grid.ts";
export { definePlugin } from "./define_plugin.ts";
export { checkGridOptions } from "./grid_helpers.ts";
export { checkOptionNames } from "./check_option_names.ts";
export type {
  Activation,
  ActivationFormat,
  AffineGrid,
  AttentionShape,
  ClipResult,
  CompensatedWeight,
  CompensateOptions,
  FactorOptions,
  GramFactor,
  InputMoment,
  Int4Layout,
  Ops,
  PackedWeight,
  QuantizedWeight,
  RangedWeight,
  RopeShape,
  TensorSummary,
  Weight,
} from "./backend.ts";
export type { DType, GridHelpers, GridOptions, LinearReport, Tensor };

/** What is known of a linear before any work: enough for `setup` and `observe`. */
export interface LinearInfo {
  /** Full name without `.weight`, for example `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  /** Index of its block. */
  readonly block: number;
  /** Its part in the block: `"q"`, `"k"`, `"v"`, `"o"`, `"gate"`, `"up"`, `"down"`, `"qkv"`, `"gateUp"`. */
  readonly role: string;
  /** [out, in] = [N, K]. */
  readonly shape: readonly [number, number];
  /** Element type in the checkpoint. */
  readonly dtype: DType;
  /** Name of the place in the block where its input is seen; linears of one site share their input. */
  readonly site: string;
  /** Index of the expert that it belongs to, in a mixture of experts. */
  readonly expert?: number;
  /** Whether it is never quantized (a router): it is in no plugin's view. */
  readonly plain?: boolean;
  /** Whether the checkpoint stores its weight as [in, out]; here it is [N, K] all the same. */
  readonly transposed?: boolean;
}

/** Which statistics of a linear's input a plugin needs. */
export interface Observation {
  /** Mean of |x| per channel. */
  absMean?: boolean;
  /** Largest |x| per channel. */
  absMax?: boolean;
  /** X^T X. */
  gram?: boolean;
  /** That many input rows, evenly spread over the calibration tokens; of an expert half as many or more, or all it sees. */
  tokens?: number;
  /** The inputs of that many whole sequences, for {@linkcode BlockView.runModule}. An expert has none. */
  sequences?: number;
}

/** Statistics of the inputs X [tokens, K] at one site. They follow every fold. */
export interface InputStatistics {
  /** Calibration tokens seen. */
  readonly tokens: number;
  /** [K] mean of |x|. */
  readonly absMean?: Float32Array;
  /** [K] largest |x|. */
  readonly absMax?: Float32Array;
  /** F32 [K, K], the sum of x x^T over the tokens. */
  readonly gram?: Tensor;
  /** F32 [n, K], some rows of X. */
  readonly sample?: Tensor;
  /** Rows of X of whole sequences: `input` F32 [count * length, K]. */
  readonly sequences?: { readonly input: Tensor; readonly count: number; readonly length: number };
}

/** A linear of the block at hand. */
export interface LinearView extends LinearInfo {
  /** The weight [N, K] as it is now, after the folds so far. Owned by the pipeline. */
  readonly weight: Tensor;
  /** The bias [N] as it is now, if there is one. */
  readonly bias: Tensor | undefined;
  /** Statistics of its input, as far as a plugin asked for them. */
  readonly statistics: InputStatistics;
  /** The Gram if there is one, else the token sample; undefined if nothing was observed, or an expert saw too few tokens. */
  readonly moment: InputMoment | undefined;
}

/**
 * Linears whose input comes from one source, so that a positive factor per channel can be moved from
 * the source's output into their weights without changing what the block computes.
 */
export interface ScaleSet {
  /** For people, for example `input_layernorm -> q_proj, k_proj, v_proj`. */
  readonly name: string;
  /** The norm or linear whose output is divided. */
  readonly source: { readonly kind: "norm" | "linear"; readonly name: string };
  /** Full names of the linears whose input columns are multiplied. */
  readonly linears: readonly string[];
  /** Input channels K of those linears. */
  readonly channels: number;
  /**
   * `channelOf[k]` is the free scale of input k, 0 to `freeChannels - 1`. Inputs with equal entries must
   * get equal factors (under grouped-query attention several inputs of o_proj come from one row of v_proj).
   */
  readonly channelOf: Uint32Array;
  /** Number of free scales. */
  readonly freeChannels: number;
  /** The module whose output the published search compares; undefined where it is the linear itself. */
  readonly module: "attention" | "mlp" | undefined;
}

/** The block at hand. */
export interface BlockView {
  /** Index among the model's blocks. */
  readonly index: number;
  /** Name, for example `model.layers.0`. */
  readonly name: string;
  /** Its quantizable linears. */
  readonly linears: readonly LinearView[];
  /** The places where factors may be folded. */
  readonly scaleSets: readonly ScaleSet[];
  /** The linear of that full name; throws if there is none. */
  linear(name: string): LinearView;
  /**
   * Divides the output of the set's source by `factors` [K] and multiplies the columns of its linears by
   * them; the statistics of their inputs follow. What the block computes stays the same: a norm's weight
   * is rounded to its stored type first and the columns get the exact ratio.
   */
  foldScales(set: ScaleSet, factors: Float32Array): Promise<void>;
  /**
   * Output of the set's module on `input` [sequences * length, K] (what `statistics.sequences` holds),
   * with some weights replaced by full name. Only for sets that have a `module`.
   */
  runModule(
    set: ScaleSet,
    input: Tensor,
    sequences: number,
    replaced?: ReadonlyMap<string, Tensor>,
  ): Promise<Tensor>;
}

/** What `quantizeLinear` answers. The pipeline disposes the weight. */
export interface QuantizedLinear {
  /** The integers, scales and zero points. */
  readonly weight: QuantizedWeight;
  /** Share of groups that were clipped, 0 to 1. */
  readonly clipped?: number;
}

/** Where a plugin's words go. */
export interface Logger {
  /** Something the user may want to know. */
  info(message: string): void;
  /** Something the user should know. */
  warn(message: string): void;
}

/** The model as `setup` sees it. */
export interface ModelInfo {
  /** Family name, for example `llama`. */
  readonly family: string;
  /** Number of blocks. */
  readonly blocks: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Every linear that may be quantized. */
  readonly linears: readonly LinearInfo[];
}

/**
 * The model before its blocks are worked on: what `transformModel` gets. It is valid until the hook ends. Vectors are
 * rows: a rotation R turns x into x R.
 */
export interface ModelView extends ModelInfo {
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Channels of a head. */
  readonly headDim: number;
  /**
   * Rotates the residual stream by an orthogonal R, F32 [hiddenSize, hiddenSize], without changing what the model
   * computes: the weights of norms move into the linears that read them, W diag(g) R, and become 1; linears that write
   * into the stream become R^T W; the embedding E becomes E R and the head, no longer tied to it, W diag(g) R (QuaRot,
   * Ashkboos et al. 2024, section 3). Every block is rotated when it is loaded and compared with the original.
   * Rotations add up. The pipeline takes a copy of R.
   *
   * @throws {SalientError} `plugin` if R is not orthogonal, `input` if the family cannot be rotated.
   */
  rotateResidual(matrix: Tensor): Promise<void>;
  /**
   * Rotates the values of every head by an orthogonal Q, F32 [headDim, headDim], and the columns of the linear that
   * reads them with it.
   *
   * @param block Index of the only block that is meant; all if it is left out.
   * @throws {SalientError} As {@linkcode ModelView.rotateResidual}.
   */
  rotateHeads(matrix: Tensor, block?: number): Promise<void>;
}

/** What every hook gets. */
export interface PluginContext {
  /** The model. */
  readonly model: ModelInfo;
  /** Operations on tensors; the same on every backend. */
  readonly ops: Ops;
  /** Helpers for grids and their options. */
  readonly grid: GridHelpers;
  /** Takes the plugin's words; they carry its name. */
  readonly log: Logger;
  /** A number in [0, 1) from the run's seed and the plugin's name and hook; the same in every run. */
  random(): number;
  /** Aborted when the user interrupts: long loops call `throwIfAborted`. */
  readonly signal: AbortSignal;
  /**
   * Reports a figure of a linear or set for the report and the progress line, for example
   * `note(linear.name, { scaleExponent: 0.45 })`.
   */
  note(tensor: string, figures: Readonly<Record<string, number | string | boolean>>): void;
}

/** What `blockDone` gets. */
export interface BlockReport {
  /** Index of the block. */
  readonly index: number;
  /** Its linears. */
  readonly linears: readonly LinearReport[];
  /** Time for the block, in seconds. */
  readonly seconds: number;
  /** Whether it was done by a run before this one, which was interrupted: its other hooks have not been called now. */
  readonly resumed?: boolean;
}

/** What `finish` gets. */
export interface RunReport {
  /** Every quantized linear, in order. */
  readonly linears: readonly LinearReport[];
  /** Calibration tokens seen. */
  readonly calibrationTokens: number;
  /** Time for the run so far, in seconds. */
  readonly seconds: number;
}

/** A value, now or later. */
export type Awaitable<T> = T | Promise<T>;

/** A quantization plugin. */
export interface Plugin {
  /** Its name in reports and errors. */
  readonly name: string;
  /** The version of this contract it was written for. */
  readonly apiVersion: 1;
  /** Runs before (`"pre"`) or after (`"post"`) the plugins that do not say. */
  readonly enforce?: "pre" | "post";
  /**
   * Whether the inputs of a linear are to be observed after the linears before it in the block have been quantized:
   * what `quantizeLinear` sees of them then comes from the quantized ones. `transformBlock` still sees the inputs
   * in the block as it was. The windows pass the block once more for each site. Default false.
   */
  readonly sequential?: boolean;
  /**
   * Whether the next block is to be given the outputs of this one as it was quantized, so that its statistics hold
   * the errors made so far. Default false: the outputs of the original.
   */
  readonly propagate?: boolean;
  /**
   * What it was made with, as plain data. A run that was interrupted is resumed only with plugins whose options are
   * equal, so a plugin with options should say them.
   *
   * When a run is resumed, `setup`, `observe` and `transformModel` are called as ever. Of the blocks that were done then,
   * only `blockDone` is called, in order and with the reports of then: what a plugin wants to know of them later it puts
   * into `ctx.note`.
   */
  readonly options?: Readonly<object>;
  /** Validates the options against the model. Throwing here stops the run before any work. */
  setup?(ctx: PluginContext): Awaitable<void>;
  /** Statistics it needs of a linear's input. */
  observe?(linear: LinearInfo): Observation | undefined;
  /** Function-preserving changes of the whole model, by {@linkcode ModelView.rotateResidual}. */
  transformModel?(model: ModelView, ctx: PluginContext): Awaitable<void>;
  /** Function-preserving changes, by {@linkcode BlockView.foldScales}. */
  transformBlock?(block: BlockView, ctx: PluginContext): Awaitable<void>;
  /** The quantized linear, or undefined to leave it to the next plugin. */
  quantizeLinear?(
    linear: LinearView,
    ctx: PluginContext,
  ): Awaitable<QuantizedLinear | undefined>;
  /**
   * The format of the activations of a linear, or undefined to leave it to the next plugin. Asked after `quantizeLinear`,
   * of the linears that were quantized; the statistics are those after all folds.
   */
  quantizeActivation?(
    linear: LinearView,
    ctx: PluginContext,
  ): Awaitable<ActivationFormat | undefined>;
  /** Told of every finished block. */
  blockDone?(report: BlockReport, ctx: PluginContext): Awaitable<void>;
  /** Told of the finished run. */
  finish?(report: RunReport, ctx: PluginContext): Awaitable<void>;
}
