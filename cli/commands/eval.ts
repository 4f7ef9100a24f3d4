/**
 * The grammar of `salient eval`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional } from "@optique/core/modifiers";
import { command, constant, option } from "@optique/core/primitives";
import { integer } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import {
  backendOptions,
  commonOptions,
  familyFileOption,
  headBitsOption,
  modelArgument,
  seqLenOption,
  textOption,
  windowsOption,
} from "../options.ts";

/** The command's grammar. */
export const evalCommand = command(
  "eval",
  object({
    command: constant("eval"),
    model: modelArgument,
    familyFile: familyFileOption,
    text: textOption,
    windows: windowsOption,
    seqLen: seqLenOption(2048),
    stride: optional(
      option("--stride", integer({ metavar: "N", min: 1 }), {
        description: message`Overlapping windows: move by N tokens and score only the new ones`,
      }),
    ),
    headBits: headBitsOption,
    ...backendOptions,
    ...commonOptions,
  }),
  {
    brief: message`Measure perplexity`,
    description:
      message`Perplexity of a checkpoint, plain or quantized, as the AWQ and GPTQ papers measure it: the text is tokenized once and cut into windows; the first token of a window is not predicted.`,
    footer: message`Example: salient eval models/salient-tiny --text held-out.txt --seq-len 256`,
  },
);

/** What the grammar yields. */
export type EvalArguments = Infer<typeof evalCommand>;
