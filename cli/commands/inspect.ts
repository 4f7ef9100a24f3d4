/**
 * The grammar of `salient inspect`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { command, constant, option } from "@optique/core/primitives";
import { choice, integer, string } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import {
  backendOptions,
  calibrationOptions,
  commonOptions,
  familyFileOption,
  gridOptions,
  modelArgument,
  seqLenOption,
} from "../options.ts";

/** The command's grammar. */
export const inspectCommand = command(
  "inspect",
  object({
    command: constant("inspect"),
    model: modelArgument,
    familyFile: familyFileOption,
    target: optional(
      option(
        "--for",
        choice(["vllm", "sglang", "transformers", "llama.cpp"], { metavar: "ENGINE" }),
        {
          description: message`Say whether this engine loads it, and if not why`,
        },
      ),
    ),
    salience: option("--salience", {
      description: message`Name the input channels whose activations are largest, linear by linear`,
    }),
    text: optional(
      option("--text", string({ metavar: "FILE" }), {
        description:
          message`with --salience: also measure on this text what keeping or scaling salient channels does`,
      }),
    ),
    svg: optional(
      option("--svg", string({ metavar: "FILE" }), {
        description: message`with --text: draw what was measured into an SVG file`,
      }),
    ),
    bits: withDefault(
      option("--bits", integer({ metavar: "N", min: 2, max: 8 }), {
        description: message`with --text: bits that the other channels are rounded to`,
      }),
      3,
    ),
    ...gridOptions,
    ...calibrationOptions,
    seqLen: seqLenOption(512),
    ...backendOptions,
    ...commonOptions,
  }),
  {
    brief: message`Say what a checkpoint is`,
    description:
      message`Family, format, bits, groups and sizes of a checkpoint, linear by linear; with --salience the channels that quantization should protect, and with --text the first two tables of the AWQ paper on this model. Calibration and grid matter to --salience only.`,
    footer:
      message`Examples: salient inspect out/tiny-awq --for vllm, or salient inspect models/salient-tiny --salience --text held-out --seq-len 256 --svg salience.svg`,
  },
);

/** What the grammar yields. */
export type InspectArguments = Infer<typeof inspectCommand>;
