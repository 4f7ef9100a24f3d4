/**
 * The grammar of `salient generate`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { withDefault } from "@optique/core/modifiers";
import { command, constant, option } from "@optique/core/primitives";
import { float, integer, string } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import {
  backendOptions,
  commonOptions,
  familyFileOption,
  headBitsOption,
  modelArgument,
} from "../options.ts";

/** The command's grammar. */
export const generateCommand = command(
  "generate",
  object({
    command: constant("generate"),
    model: modelArgument,
    familyFile: familyFileOption,
    prompt: option("--prompt", string({ metavar: "TEXT" }), {
      description: message`Text to go on from`,
    }),
    maxTokens: withDefault(
      option("--max-tokens", integer({ metavar: "N", min: 1 }), {
        description: message`Tokens to add at most`,
      }),
      128,
    ),
    temperature: withDefault(
      option("--temperature", float({ metavar: "T", min: 0 }), {
        description: message`0 always takes the likeliest token`,
      }),
      0,
    ),
    seed: withDefault(
      option("--seed", integer({ metavar: "N", min: 0 }), {
        description: message`Seed of the sampling`,
      }),
      0,
    ),
    headBits: headBitsOption,
    ...backendOptions,
    ...commonOptions,
  }),
  {
    brief: message`Let a model write`,
    description: message`Continues a text, with plain or packed weights, and says how fast.`,
    footer: message`Example: salient generate out/tiny-awq --prompt "The state of" --max-tokens 40`,
  },
);

/** What the grammar yields. */
export type GenerateArguments = Infer<typeof generateCommand>;
