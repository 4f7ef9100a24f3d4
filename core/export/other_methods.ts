/**
 * Ways of quantizing that are not read.
 *
 * @module
 */

/** What it is, and what can be done about it. */
export interface OtherMethod {
  /** Its name, for people. */
  readonly name: string;
  /** What to do instead, after a colon. */
  readonly advice: string;
}

const ORIGINAL = "give the original model, which salient quantize can round anew";

/** By `quant_method`. */
export const OTHER_METHODS: Readonly<Record<string, OtherMethod>> = {
  aqlm: { name: "AQLM (sums of codebook entries)", advice: ORIGINAL },
  bitnet: { name: "BitNet (ternary weights)", advice: "it was trained so, and runs in bitnet.cpp" },
  bitnet_b158: {
    name: "BitNet (ternary weights)",
    advice: "it was trained so, and runs in bitnet.cpp",
  },
  bitsandbytes: {
    name: "bitsandbytes (NF4, FP4 or LLM.int8())",
    advice: `${ORIGINAL}, or save it with transformers after model.dequantize()`,
  },
  eetq: { name: "EETQ (int8 in the order of its kernel)", advice: ORIGINAL },
  exl2: { name: "EXL2 (ExLlamaV2)", advice: ORIGINAL },
  exl3: { name: "EXL3 (ExLlamaV3)", advice: ORIGINAL },
  higgs: { name: "HIGGS (a grid of vectors)", advice: ORIGINAL },
  hqq: { name: "HQQ", advice: ORIGINAL },
  mxfp4: {
    name: "MXFP4 (4-bit floating point numbers)",
    advice: "save it with transformers after Mxfp4Config(dequantize=True), or give a GGUF file",
  },
  qqq: { name: "QQQ (W4A8 in the order of its kernel)", advice: ORIGINAL },
  quanto: { name: "quanto", advice: ORIGINAL },
  quark: { name: "AMD Quark", advice: "export it in the format of compressed-tensors or AWQ" },
  quip: { name: "QuIP# (codebooks after a rotation)", advice: ORIGINAL },
  spqr: { name: "SpQR (sparse outliers)", advice: ORIGINAL },
  torchao: { name: "torchao (pickled tensor subclasses)", advice: ORIGINAL },
  vptq: { name: "VPTQ (codebooks of vectors)", advice: ORIGINAL },
  fp_quant: { name: "FP-Quant (4-bit floating point numbers)", advice: ORIGINAL },
};
