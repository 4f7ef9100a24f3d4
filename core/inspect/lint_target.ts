/**
 * What engines read.
 *
 * @module
 */

/** Engines that a checkpoint can be checked for. */
export type LintTarget = "vllm" | "sglang" | "transformers" | "llama.cpp";

/** What an engine does with a format. */
export interface FormatSupport {
  /** Bits that it reads; each other one does not load. */
  readonly bits?: readonly number[];
  /** Bits that only newer versions read. */
  readonly newerBits?: readonly number[];
  /** Whether it reads only symmetric grids. */
  readonly symmetricOnly?: boolean;
  /** Bits of its kernels for asymmetric grids; undefined for all that it reads. */
  readonly zeroPointBits?: readonly number[];
  /** Whether experts must have symmetric grids. */
  readonly symmetricExperts?: boolean;
  /** Group sizes that its kernels know, -1 for whole rows; undefined for any. */
  readonly groups?: readonly number[];
  /** Outputs and inputs must be multiples of these for its fast kernels. */
  readonly fastShape?: readonly [number, number];
  /** Whether several grids may stand in one checkpoint. */
  readonly mixed: boolean;
  /** Something to know. */
  readonly note?: string;
}

/** An engine. */
export interface TargetSupport {
  /** Formats that it reads; `safetensors` is a plain checkpoint. */
  readonly formats: Readonly<Record<string, FormatSupport>>;
  /** Roles of linears that it joins into one, which must be stored alike. */
  readonly fused: readonly (readonly string[])[];
  /** Whether it runs all experts of a block with one kernel, so that all of their linears must be stored alike. */
  readonly joinsExperts: boolean;
  /** Whether it spreads linears over several devices. */
  readonly tensorParallel: boolean;
}

const MARLIN_GROUPS: readonly number[] = [-1, 32, 64, 128];
const MARLIN_SHAPE: readonly [number, number] = [64, 128];
const FUSED: readonly (readonly string[])[] = [["q", "k", "v"], ["gate", "up"], ["qA", "kvA"]];

const MARLIN_AWQ: FormatSupport = {
  bits: [2, 3, 4], // in containers of 4
  groups: MARLIN_GROUPS,
  fastShape: MARLIN_SHAPE,
  mixed: false,
};
const MARLIN_GPTQ: FormatSupport = {
  bits: [4, 8],
  newerBits: [2, 3],
  symmetricOnly: true,
  groups: MARLIN_GROUPS,
  fastShape: MARLIN_SHAPE,
  mixed: true,
};
const MARLIN_PACKED: FormatSupport = {
  bits: [4, 8],
  newerBits: [2, 3, 5, 6, 7],
  zeroPointBits: [4],
  groups: MARLIN_GROUPS,
  fastShape: MARLIN_SHAPE,
  mixed: true,
};

/** By the engines' own sources and documents, read in autumn 2026; older versions read less. */
export const TARGETS: Readonly<Record<LintTarget, TargetSupport>> = {
  "vllm": {
    formats: {
      "safetensors": { mixed: true },
      "awq-gemm": MARLIN_AWQ,
      "gptq": MARLIN_GPTQ,
      "gptq-v2": {
        ...MARLIN_GPTQ,
        symmetricOnly: false,
        newerBits: [2, 3],
        note: "needs a newer version",
      },
      // Its experts of compressed-tensors take no zero points, those of AWQ do.
      "pack-quantized": { ...MARLIN_PACKED, symmetricExperts: true },
      "int-quantized": { bits: [8], mixed: true },
      "mixed-precision": { bits: [4, 8], zeroPointBits: [4], mixed: true },
      "gguf": { mixed: true, note: "give it the tokenizer of the original" },
    },
    fused: FUSED,
    joinsExperts: true,
    tensorParallel: true,
  },
  "sglang": {
    formats: {
      "safetensors": { mixed: true },
      "awq-gemm": MARLIN_AWQ,
      "gptq": MARLIN_GPTQ,
      "pack-quantized": MARLIN_PACKED,
      "int-quantized": { bits: [8], mixed: true },
      "gguf": { mixed: true, note: "on CUDA" },
    },
    fused: FUSED,
    joinsExperts: true,
    tensorParallel: true,
  },
  "transformers": {
    formats: {
      "safetensors": { mixed: true },
      "awq-gemm": { bits: [2, 3, 4], mixed: false, note: "through GPTQModel" },
      "gptq": { bits: [2, 3, 4, 8], mixed: true, note: "through GPTQModel" },
      "gptq-v2": { bits: [2, 3, 4, 8], mixed: true, note: "through GPTQModel" },
      "pack-quantized": { mixed: true, note: "through compressed-tensors, which unpacks it" },
      "int-quantized": {
        bits: [8],
        mixed: true,
        note: "through compressed-tensors, which unpacks it",
      },
      "mixed-precision": { mixed: true, note: "through compressed-tensors, which unpacks it" },
      "gguf": { mixed: true, note: "dequantized as it is loaded" },
    },
    fused: [],
    joinsExperts: false,
    tensorParallel: false,
  },
  "llama.cpp": {
    formats: { "gguf": { mixed: true } },
    fused: [],
    joinsExperts: false,
    tensorParallel: false,
  },
};
