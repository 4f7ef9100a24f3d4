/**
 * The grammar of `salient convert`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { type Message, message } from "@optique/core/message";
import { command, constant, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import { backendOptions, commonOptions, familyFileOption, modelArgument } from "../options.ts";

const footer: Message =
  message`Examples: salient convert out/tiny-awq --format pack-quantized --out out/tiny-ct
salient convert out/tiny-gptq --format gguf --out out/tiny.gguf`;

/** The command's grammar. */
export const convertCommand = command(
  "convert",
  object({
    command: constant("convert"),
    model: modelArgument,
    familyFile: familyFileOption,
    format: option("--format", string({ metavar: "NAME" }), {
      description:
        message`awq-gemm, awq-gemv, gptq, gptq-v2, gptq-p, pack-quantized (compressed-tensors), gguf or dequantized`,
    }),
    out: option("--out", string({ metavar: "PATH" }), {
      description: message`Directory to write, or the file for gguf; must not exist yet`,
    }),
    ...backendOptions,
    ...commonOptions,
  }),
  {
    brief: message`Write a quantized checkpoint in another format`,
    description:
      message`Integers, scales and zero points stay what they are; what the other format cannot hold is refused with the reason. The result is reopened and compared before it takes its name. A plain checkpoint becomes a gguf file as it is.`,
    footer,
  },
);

/** What the grammar yields. */
export type ConvertArguments = Infer<typeof convertCommand>;
