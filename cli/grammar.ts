/**
 * The whole command line.
 *
 * @module
 */

import { or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { findSimilar } from "@optique/core/suggestion";
import { extractOptionNames } from "@optique/core/usage";
import { run } from "@optique/run";
import { compareCommand } from "./commands/compare.ts";
import { convertCommand } from "./commands/convert.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { evalCommand } from "./commands/eval.ts";
import { generateCommand } from "./commands/generate.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { pluginCommand } from "./commands/plugin.ts";
import { pushCommand } from "./commands/push.ts";
import { quantizeCommand } from "./commands/quantize.ts";
import type { Infer } from "./infer.ts";
import { printNotice, printText } from "./output.ts";
import { VERSION } from "./version.ts";

const grammar = or(
  quantizeCommand,
  evalCommand,
  compareCommand,
  generateCommand,
  convertCommand,
  pushCommand,
  inspectCommand,
  doctorCommand,
  pluginCommand,
);

/** A parsed command line. */
export type Arguments = Infer<typeof grammar>;

/** Thrown where parsing ends the program: after help, a version, a completion script, or an error. */
export class Exit extends Error {
  /** The status to leave with. */
  readonly status: number;

  /** Takes the status. */
  constructor(status: number) {
    super(`Exit with status ${status}`);
    this.status = status;
  }
}

/** One line out of an error that may have several, with the option that was probably meant. */
function explain(text: string): string {
  const line = text.trim().replaceAll(/\s*\n+\s*/g, " ").replace(/^Error: /, "salient: ");
  const unknown = /`(--[^`=]+)(?:=[^`]*)?`\.$/.exec(line)?.[1];
  if (unknown === undefined || !line.includes("Unexpected option")) return line;
  const [similar] = findSimilar(unknown, extractOptionNames(grammar.usage), { maxDistance: 4 });
  return similar === undefined ? line : `${line} Did you mean \`${similar}\`?`;
}

/** Parses the arguments; prints and throws {@linkcode Exit} for help, completion and mistakes. */
export function parseArguments(args: readonly string[]): Arguments {
  return run(grammar, {
    programName: "salient",
    args: args.length === 0 ? ["--help"] : args,
    brief: message`Quantizes large language models: AWQ, GPTQ, RTN and your own plugins.`,
    help: "both",
    version: { value: VERSION, option: true },
    completion: "command",
    aboveError: "none",
    errorExitCode: 2,
    showDefault: { prefix: " (default ", suffix: ")" },
    showChoices: true,
    colors: Deno.stdout.isTerminal() && !Deno.noColor,
    stdout: (text) => printText(text.endsWith("\n") ? text : text + "\n"),
    stderr: (text) => printNotice(explain(text)),
    onExit: (status) => {
      throw new Exit(status);
    },
  });
}
