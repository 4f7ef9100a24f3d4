/**
 * The grammar of `salient plugin`.
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional } from "@optique/core/modifiers";
import { argument, command, constant, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import type { Infer } from "../infer.ts";
import { commonOptions } from "../options.ts";

const newCommand = command(
  "new",
  object({
    command: constant("plugin new"),
    name: argument(string({ metavar: "NAME" }), {
      description: message`Name of the plugin: lower case letters, digits and hyphens`,
    }),
    out: optional(
      option("--out", string({ metavar: "DIR" }), {
        description: message`Directory to write; must not exist yet (NAME if not given)`,
      }),
    ),
    ...commonOptions,
  }),
  {
    brief: message`Write a plugin that works and passes its tests, to start from`,
    description:
      message`Writes the plugin, a test with the conformance suite, deno.json and a README into a new directory. Nothing needs to be filled in for it to run.`,
    footer: message`Example: salient plugin new my-rounding`,
  },
);

/** The command's grammar. */
export const pluginCommand = command("plugin", newCommand, {
  brief: message`Start a plugin of your own`,
  description: message`Tools for authors of plugins; docs/plugins.md is the tutorial.`,
});

/** What the grammar yields. */
export type PluginNewArguments = Infer<typeof pluginCommand>;
