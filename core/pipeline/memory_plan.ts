/**
 * How much memory a run is going to need, and the choices that keep it within a limit.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import type { LinearInfo } from "../plugin.ts";
import { DTYPE_BYTES } from "../tensor.ts";
import type { MergedObservation } from "./observation.ts";
import type { Windows } from "./statistics.ts";

/** What the prediction is made from. */
export interface MemoryPlanInput {
  /** The model's sizes. */
  readonly config: Pick<
    ModelConfig,
    "hiddenSize" | "intermediateSize" | "heads" | "kvHeads" | "headDim" | "experts"
  >;
  /** Every linear inside the blocks. */
  readonly linears: readonly LinearInfo[];
  /** For each block what is asked of its sites. */
  readonly sites: readonly ReadonlyMap<string, MergedObservation>[];
  /** Calibration windows; undefined where nothing is observed. */
  readonly windows: Windows | undefined;
  /** Whether a plugin may change weights, which makes F32 copies of them. */
  readonly transforms: boolean;
  /** Whether the windows pass a block again once its linears are quantized, which keeps those packed. */
  readonly passesAgain?: boolean;
  /** Whether a plugin may rotate the model, which takes the rotation and a linear's transpose besides. */
  readonly rotates?: boolean;
  /** Whether the packed blocks stay in memory. */
  readonly keepsBlocks: boolean;
  /** Bytes that the run may take on top of what the program takes at rest; undefined for no limit. */
  readonly limit: number | undefined;
}

/** A prediction, and the choices that follow from it. Sizes in bytes, of the largest block. */
export interface MemoryPlan {
  /** The limit, if there is one. */
  readonly limit: number | undefined;
  /** Predicted peak. */
  readonly peak: number;
  /** Windows that pass a block together. */
  readonly batch: number;
  /** Whether the hidden states lie in a temporary file. */
  readonly spill: boolean;
  /** What the peak is made of; not all of it is there at one time. */
  readonly parts: MemoryParts;
}

/** What a run keeps in memory, in bytes. */
export interface MemoryParts {
  /** One block's weights: the pages of the file, and F32 copies where they are changed. */
  readonly weights: number;
  /** Statistics of the block's inputs. */
  readonly statistics: number;
  /** Hidden states of all windows; 0 where they are spilled. */
  readonly hidden: number;
  /** Activations of the windows that pass a block together. */
  readonly activations: number;
  /** Search and rounding of the block's largest linear, or set where a module is run. */
  readonly rounding: number;
  /** Packed output: one linear, or all blocks where they stay in memory. */
  readonly output: number;
  /** Buffers for reading and writing, and what the JavaScript engine has not collected yet. */
  readonly buffers: number;
}

/** Tokens that pass a block together where memory does not decide. */
const BATCH_TOKENS = 2048;
/** Allowance for what is not counted one by one; 20 to 30 MiB were seen. */
const BUFFERS = 32 << 20;
/** Bytes of a factor for each element of its Gram. */
const FACTOR = 2.2;
/** Rows that are rounded with error compensation at a time, by up to eight threads, and bytes for each of their weights. */
const COMPENSATED = { rows: 8 * 480, bytes: 6 };

/**
 * Predicts the peak. Within a limit the windows pass a block in smaller batches first, then the
 * hidden states are spilled to a file.
 *
 * @throws {SalientError} `input` if the limit is too low in any case; it says what is needed and what to lower.
 */
export function planMemory(input: MemoryPlanInput): MemoryPlan {
  const { windows, limit } = input;
  const largest = windows === undefined
    ? 1
    : Math.min(windows.samples, Math.max(1, Math.floor(BATCH_TOKENS / windows.seqLen)));
  let smallest: MemoryPlan | undefined;
  for (const spill of windows === undefined ? [false] : [false, true]) {
    for (let batch = largest; batch >= 1; batch = Math.floor(batch / 2)) {
      const plan = predict(input, batch, spill);
      if (limit === undefined || plan.peak <= limit) return plan;
      if (smallest === undefined || plan.peak < smallest.peak) smallest = plan;
    }
  }
  throw tooLow(smallest as MemoryPlan, input);
}

function predict(input: MemoryPlanInput, batch: number, spill: boolean): MemoryPlan {
  const { config, windows, limit } = input;
  const tokens = windows === undefined ? 0 : windows.samples * windows.seqLen;
  const hidden = spill ? 0 : tokens * config.hiddenSize * 4;
  const activations = windows === undefined
    ? 0
    : activationBytes(config, input.linears, batch * windows.seqLen) +
      scratchBytes(config, batch * windows.seqLen) +
      // A spilled batch is read and written through a buffer of its own.
      (spill ? 2 * batch * windows.seqLen * config.hiddenSize * 4 : 0);
  const output = outputBytes(input);
  const common = { hidden, activations, output, buffers: BUFFERS };
  let best: MemoryPlan | undefined;
  for (const [index, sites] of input.sites.entries()) {
    const linears = input.linears.filter(({ block }) => block === index);
    const file = sum(linears, ({ shape, dtype }) => shape[0] * shape[1] * DTYPE_BYTES[dtype]);
    const copies = input.transforms ? sum(linears, ({ shape }) => shape[0] * shape[1] * 4) : 0;
    const rotation = input.rotates === true ? rotationBytes(config.hiddenSize, linears) : 0;
    const statistics = statisticsBytes(linears, sites, windows);
    const rounding = roundingBytes(input, linears, sites);
    const packed = input.passesAgain === true ? sum(linears, packedBytes) : 0;
    const again = input.passesAgain === true || input.rotates === true ? copies : 0;
    const forward = file + again + packed + rotation + statistics + hidden + activations;
    const search = file + copies + packed + rotation + statistics + hidden + rounding;
    const peak = BUFFERS + output + Math.max(forward, search);
    if (best !== undefined && best.peak >= peak) continue;
    const weights = file + copies + packed + rotation;
    const parts = { ...common, weights, statistics, rounding };
    best = { limit, peak, batch, spill, parts };
  }
  const parts = { ...common, weights: 0, statistics: 0, rounding: 0 };
  return best ?? { limit, peak: BUFFERS + output, batch, spill, parts };
}

/**
 * Residual stream, norms, q, k, v, attention's output, gate, up and their product: F32. The output of a fused linear is there
 * while it is split; with experts their logits, which are copied out, and what is gathered for one and comes back.
 */
function activationBytes(
  config: MemoryPlanInput["config"],
  linears: readonly LinearInfo[],
  tokens: number,
): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, experts } = config;
  const has = (role: string): boolean => linears.some((linear) => linear.role === role);
  const attention = 2 * hiddenSize + (2 * heads + (has("qkv") ? 4 : 2) * kvHeads) * headDim;
  const mlp = 3 * hiddenSize + (has("gateUp") ? 4 : 3) * intermediateSize +
    (experts === undefined ? 0 : 2 * experts.count + 2 * hiddenSize);
  return tokens * (hiddenSize + Math.max(attention, mlp)) * 4;
}

/** Inputs of a product as its kernel packs them, and the blocks that scratch memory is rounded up to. */
function scratchBytes(config: MemoryPlanInput["config"], tokens: number): number {
  return 2 * tokens * Math.max(config.hiddenSize, config.intermediateSize) * 4;
}

function statisticsBytes(
  linears: readonly LinearInfo[],
  sites: ReadonlyMap<string, MergedObservation>,
  windows: Windows | undefined,
): number {
  if (windows === undefined) return 0;
  const { samples, seqLen } = windows;
  return sum([...sites], ([site, asked]) => {
    const reader = linears.find((linear) => linear.site === site);
    const channels = reader?.shape[1] ?? 0;
    // An expert sees no whole sequences; how many tokens it sees nobody knows, so room is made for all that were asked.
    const sequences = reader?.expert === undefined ? Math.min(asked.sequences, samples) : 0;
    const rows = Math.min(asked.tokens, samples * seqLen) + sequences * seqLen;
    return channels * (12 + 4 * rows + (asked.gram ? 4 * channels : 0));
  });
}

/** Codes, with scales and zero points of groups of 32 at worst. */
function packedBytes({ shape }: LinearInfo): number {
  return shape[0] * shape[1] * 1.1;
}

/**
 * Of a linear: an F32 copy for the figures, a rounded weight and its rival, the words to be
 * written; or, while factors are searched, an F32 copy, a rounded weight and a copy of what is known of its
 * inputs; or the factor of a Gram and the rows that are rounded with it. Where sequences are kept, a module is run on all of them with F32 weights of a whole
 * set.
 */
function roundingBytes(
  input: MemoryPlanInput,
  linears: readonly LinearInfo[],
  sites: ReadonlyMap<string, MergedObservation>,
): number {
  const single = Math.max(
    0,
    ...linears.map(({ shape: [outputs, inputs], site }) => {
      const size = outputs * inputs;
      const { gram = false, tokens = 0 } = sites.get(site) ?? {};
      const band = Math.min(outputs, COMPENSATED.rows) * inputs * COMPENSATED.bytes;
      const factor = gram ? FACTOR * inputs * inputs + band : 0;
      if (!input.transforms) return Math.max(size * 4, size + factor);
      return Math.max(size * 8, size * 5 + inputs * 4 * (gram ? inputs : tokens));
    }),
  );
  const sequences = Math.max(0, ...[...sites.values()].map((asked) => asked.sequences));
  if (sequences === 0 || input.windows === undefined) return single;
  const { samples, seqLen } = input.windows;
  const replaced = Math.max(
    ...[...new Set(linears.map(({ site }) => site))].map((site) =>
      sum(linears.filter((linear) => linear.site === site), ({ shape }) => shape[0] * shape[1] * 4)
    ),
  );
  const run = activationBytes(input.config, linears, Math.min(sequences, samples) * seqLen);
  return Math.max(single, replaced + run);
}

/** R and its transpose; of the largest linear a copy and its transpose, in JavaScript's memory and in the backend's. */
function rotationBytes(hiddenSize: number, linears: readonly LinearInfo[]): number {
  const largest = Math.max(0, ...linears.map(({ shape }) => shape[0] * shape[1]));
  return 2 * hiddenSize ** 2 * 4 + 3 * largest * 4;
}

function outputBytes(input: MemoryPlanInput): number {
  const bytes = input.linears.map(({ shape }) => shape[0] * shape[1]);
  return input.keepsBlocks ? sum(bytes, (size) => size) : Math.max(0, ...bytes);
}

function tooLow(plan: MemoryPlan, input: MemoryPlanInput): SalientError {
  const { parts, peak, limit = 0 } = plan;
  const named: readonly (readonly [number, string])[] = [
    [parts.weights, "raise it, the weights of one block alone take"],
    [parts.statistics, `${statisticsAdvice(input)}, its statistics take`],
    [parts.activations, `raise it or lower --seq-len ${input.windows?.seqLen}, activations take`],
    [parts.rounding, "raise it, rounding the largest linear takes"],
    [parts.output, "raise it, the packed output takes"],
    [parts.buffers, "raise it, buffers alone take"],
  ];
  const [most, advice] = named.reduce((a, b) => b[0] > a[0] ? b : a);
  return new SalientError(
    "input",
    `Quantizing needs ${mebibytes(peak)} but --memory allows ${mebibytes(limit)}: ` +
      `${advice} ${mebibytes(most)}`,
  );
}

/** What makes statistics smaller: fewer tokens, but not where each of many experts has a Gram matrix. */
function statisticsAdvice({ linears, sites }: MemoryPlanInput): string {
  const grams = linears.some(({ block, site, expert }) => {
    return expert !== undefined && sites[block]?.get(site)?.gram === true;
  });
  return grams
    ? "raise it or use a method that keeps no Gram matrix of each expert, as rtn or awq with --set awq.tokens=256"
    : "raise it or let the plugin observe fewer tokens";
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

function sum<T>(items: readonly T[], sizeOfItem: (item: T) => number): number {
  return items.reduce((total, item) => total + sizeOfItem(item), 0);
}
