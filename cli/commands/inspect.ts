/**
 * The grammar of `salient inspect`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { command, constant } from "@optique/core/primitives";
import type { Infer } from "../infer.ts";
import { commonOptions, modelArgument } from "../options.ts";

/** The command's grammar. */
export const inspectCommand = command(
  "inspect",
  object({ command: constant("inspect"), model: modelArgument, ...commonOptions }),
  {
    brief: message`Say what a checkpoint is`,
    description: message`Family, format, bits, groups and sizes of a checkpoint, linear by linear.`,
    footer: message`Example: salient inspect out/tiny-awq`,
  },
);

/** What the grammar yields. */
export type InspectArguments = Infer<typeof inspectCommand>;
