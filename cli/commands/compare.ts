/**
 * The grammar of `salient compare`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { command, constant, option } from "@optique/core/primitives";
import { integer } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import { listOf } from "../list_of.ts";
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
  modelArgument,
  rulesOption,
  seqLenOption,
  setOption,
  targetBitsOption,
  textOption,
  windowsOption,
} from "../options.ts";

/** The command's grammar. */
export const compareCommand = command(
  "compare",
  object({
    command: constant("compare"),
    model: modelArgument,
    familyFile: familyFileOption,
    methods: withDefault(
      option("--methods", listOf(methodChain("NAME"), "A,B"), {
        description:
          message`Methods to compare, with commas between: rtn, awq, gptq, smoothquant, a plugin's ./file.ts or npm: package, or several with + between, as awq+gptq`,
      }),
      [["rtn"], ["awq"]] as const,
    ),
    set: setOption,
    rules: rulesOption,
    targetBits: targetBitsOption,
    hookTimeout: hookTimeoutOption,
    bits: optional(
      option("--bits", listOf(integer({ min: 2, max: 8 }), "N,N"), {
        description: message`Bits of an integer, with commas between (4,3; for smoothquant 8)`,
      }),
    ),
    text: textOption,
    windows: windowsOption,
    ...gridOptions,
    ...calibrationOptions,
    allExperts: allExpertsOption,
    seqLen: seqLenOption(2048),
    ...awqOptions,
    ...backendOptions,
    ...commonOptions,
  }),
  {
    brief: message`Measure methods side by side`,
    description:
      message`Quantizes in memory with every method and number of bits, and measures perplexity, time and size of each against the original. Nothing is written.`,
    footer:
      message`Examples: salient compare models/salient-tiny --methods rtn,awq --bits 4,3 --text held-out --seq-len 256
salient compare models/salient-tiny --methods rtn,./mine.ts,./mine.ts+rtn --text held-out --seq-len 256`,
  },
);

/** What the grammar yields. */
export type CompareArguments = Infer<typeof compareCommand>;
