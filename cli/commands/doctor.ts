/**
 * The grammar of `salient doctor`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { command, constant } from "@optique/core/primitives";
import { commonOptions } from "../options.ts";

/** The command's grammar. */
export const doctorCommand = command(
  "doctor",
  object({ command: constant("doctor"), ...commonOptions }),
  {
    brief: message`Say what can compute here`,
    description:
      message`Says which backends work here, which do not, and what to do about it; and how the Hugging Face hub would be reached.`,
    footer: message`Example: salient doctor --json`,
  },
);
