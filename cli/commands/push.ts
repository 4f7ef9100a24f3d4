/**
 * The grammar of `salient push`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { argument, command, constant, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import { backendOptions, commonOptions, familyFileOption } from "../options.ts";

/** The command's grammar. */
export const pushCommand = command(
  "push",
  object({
    command: constant("push"),
    path: argument(string({ metavar: "PATH" }), {
      description: message`Directory of a checkpoint, or a .gguf file`,
    }),
    id: argument(string({ metavar: "ORG/NAME" }), {
      description: message`Repository on the Hugging Face hub; it is made if it is not there`,
    }),
    familyFile: familyFileOption,
    private: option("--private", {
      description: message`Make the repository private; refuse one that is public`,
    }),
    ...backendOptions,
    ...commonOptions,
  }),
  {
    brief: message`Upload a checkpoint to the Hugging Face hub`,
    description:
      message`Opens the checkpoint to see that it is whole, then uploads it with its README.md as one commit. Needs HF_TOKEN, or the token that hf auth login stored, and the network: deno task salient:hub push. A quantize --push that was cut off is finished by it.`,
    footer: message`Example: salient push out/tiny-awq my-name/tiny-awq --private`,
  },
);

/** What the grammar yields. */
export type PushArguments = Infer<typeof pushCommand>;
