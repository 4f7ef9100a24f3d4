/**
 * `salient quantize`: a checkpoint in, a quantized checkpoint out.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { type Message, message } from "@optique/core/message";
import { optional } from "@optique/core/modifiers";
import { command, constant, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import { methodChain } from "../method_chain.ts";
import {
  allExpertsOption,
  awqOptions,
  backendOptions,
  calibrationOptions,
  commonOptions,
  familyFileOption,
  gridOptions,
  hookTimeoutOption,
  memoryOption,
  modelArgument,
  pluginOption,
  rulesOption,
  seqLenOption,
  setOption,
  targetBitsOption,
  windowsOption,
} from "../options.ts";

const footer: Message =
  message`Examples: salient quantize models/salient-tiny --out out/tiny-awq --group-size 32
salient quantize ./llama --method awq --bits 4 --calib my.jsonl --samples 64 --out ./llama-awq
salient quantize ./llama --plugin ./mine.ts --set mine.alpha=0.7 --method rtn --out ./llama-mine
salient quantize ./llama --method gptq --out ./llama-gptq --resume
salient quantize org/name --out out/name-awq --push my-name/name-awq --private`;

/** The command's grammar. */
export const quantizeCommand = command(
  "quantize",
  object({
    command: constant("quantize"),
    model: modelArgument,
    familyFile: familyFileOption,
    method: optional(
      option("--method", methodChain("NAME"), {
        description:
          message`awq, gptq, rtn, smoothquant, or several with + between that run in this order, as awq+gptq (awq unless a plugin is given)`,
      }),
    ),
    plugins: pluginOption,
    set: setOption,
    bits: optional(
      option("--bits", integer({ metavar: "N", min: 2, max: 8 }), {
        description: message`Bits of an integer, 2 to 8 (4; for smoothquant 8)`,
      }),
    ),
    ...gridOptions,
    ...calibrationOptions,
    allExperts: allExpertsOption,
    seqLen: seqLenOption(512),
    ...awqOptions,
    format: optional(
      option("--format", string({ metavar: "NAME" }), {
        description:
          message`How the result is stored: awq-gemm, awq-gemv, gptq, gptq-v2, gptq-p, pack-quantized (compressed-tensors), gguf, int-quantized (8-bit activations) or dequantized (awq-gemm; for smoothquant int-quantized)`,
      }),
    ),
    out: option("--out", string({ metavar: "DIR" }), {
      description: message`Directory to write, or the file for gguf; must not exist yet`,
    }),
    memory: memoryOption,
    rules: rulesOption,
    targetBits: targetBitsOption,
    hookTimeout: hookTimeoutOption,
    text: optional(
      option("--text", string({ metavar: "FILE" }), {
        description:
          message`Measure perplexity on this text, of the original and of the result; windows of --seq-len tokens, 2048 if not given`,
      }),
    ),
    windows: windowsOption,
    push: optional(
      option("--push", string({ metavar: "ORG/NAME" }), {
        description:
          message`Upload the result to the Hugging Face hub with a model card, once it is written and checked; without --text, 16 windows of held-out are measured for it`,
      }),
    ),
    private: option("--private", {
      description: message`with --push: make the repository private; refuse one that is public`,
    }),
    noMeasure: option("--no-measure", {
      description: message`with --push: a model card without perplexity`,
    }),
    resume: option("--resume", {
      description:
        message`Keep the blocks that are done beside --out until the end, and go on behind them if a run with the same options was interrupted`,
    }),
    dryRun: option("--dry-run", {
      description: message`Check everything and say what would be done, without writing`,
    }),
    ...backendOptions,
    ...commonOptions,
  }),
  {
    brief: message`Quantize a checkpoint`,
    description:
      message`Reads a Hugging Face checkpoint, quantizes the linears inside its blocks, and writes a checkpoint that inference engines load. The result is reopened and compared before it takes its name.`,
    footer,
  },
);

/** What the grammar yields. */
export type QuantizeArguments = Infer<typeof quantizeCommand>;
