/**
 * The `salient` command: parses, runs, and turns errors into one line and an exit status.
 *
 * @module
 */

import { type Arguments, Exit, parseArguments } from "./grammar.ts";
import { Interrupt } from "./interrupt.ts";
import { printNotice } from "./output.ts";

/** Runs the command that was asked for. Its module, and the library, are loaded only now. */
async function dispatch(
  args: Arguments,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  switch (args.command) {
    case "quantize":
      return await (await import("./run/quantize.ts")).runQuantize(args, argv, signal);
    case "eval":
      return await (await import("./run/eval.ts")).runEval(args, signal);
    case "compare":
      return await (await import("./run/compare.ts")).runCompare(args, signal);
    case "generate":
      return await (await import("./run/generate.ts")).runGenerate(args, signal);
    case "convert":
      return await (await import("./run/convert.ts")).runConvert(args, signal);
    case "push":
      return await (await import("./run/push.ts")).runPush(args, signal);
    case "inspect":
      return await (await import("./run/inspect.ts")).runInspect(args, signal);
    case "doctor":
      return await (await import("./run/doctor.ts")).runDoctor(args);
    case "plugin new":
      return await (await import("./run/plugin_new.ts")).runPluginNew(args);
  }
}

/** Runs the command line and returns its exit status: 0, 1, 2, or 130 after Ctrl-C. */
export async function main(argv: readonly string[]): Promise<number> {
  let args: Arguments;
  try {
    args = parseArguments(argv);
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  }
  using interrupt = new Interrupt();
  try {
    await dispatch(args, argv, interrupt.signal);
    return 0;
  } catch (error) {
    const { explainError } = await import("./explain_error.ts");
    const { line, status } = explainError(error, interrupt.signal.aborted);
    printNotice(`salient: ${line}`);
    if (args.verbose && error instanceof Error) {
      printNotice(error.stack ?? "");
      if (error.cause instanceof Error) printNotice(`Caused by ${error.cause.stack}`);
    }
    return status;
  }
}
