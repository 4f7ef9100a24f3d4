/**
 * `salient quantize`: a checkpoint in, a quantized checkpoint out.
 *
 * @module
 */

import { loadRules, openModel, quantize } from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { QuantizeArguments } from "../commands/quantize.ts";
import { formatBytes, formatSeconds } from "../format.ts";
import { buildChain, type Chain } from "../methods.ts";
import { planLine } from "../plan_line.ts";
import { locateModel } from "../locate_model.ts";
import { printJson, printLine, printNotice } from "../output.ts";
import { PluginSettings } from "../plugin_settings.ts";
import { progressStyle, RunProgress } from "../run_progress.ts";
import { windowLength } from "../window_length.ts";
import { calibrate } from "./calibrate.ts";

/** The plugins asked for, in order: those of third parties, then the method. */
async function chooseChain(args: QuantizeArguments): Promise<Chain> {
  const settings = new PluginSettings(args.set);
  const method = args.method ?? (args.plugins.length === 0 ? ["awq"] : []);
  const chain = await buildChain([...args.plugins, ...method], args, settings);
  settings.refuseUnused();
  return chain;
}

/** Quantizes, and prints what came of it. */
export async function runQuantize(args: QuantizeArguments, signal: AbortSignal): Promise<void> {
  const { plugins, format } = await chooseChain(args);
  const rules = args.rules === undefined ? undefined : await loadRules(args.rules);
  const { path, fields } = await locateModel(args, signal);
  using backend = await chooseBackend(args);
  using model = await openModel(path, backend);
  const observes = plugins.some((plugin) => plugin.observe !== undefined);
  const calibration = observes || args.targetBits !== undefined
    ? await calibrate(
      { ...args, model: path, seqLen: windowLength(args.seqLen, 512, model) },
      model,
      signal,
    )
    : undefined;
  using progress = new RunProgress(progressStyle(args.json));
  const report = await quantize({
    model,
    backend,
    plugins,
    ...(calibration === undefined ? {} : { calibration }),
    format: args.format ?? format,
    out: args.out,
    ...(args.memory === undefined ? {} : { memory: args.memory }),
    rules,
    targetBits: args.targetBits,
    hookTimeout: args.hookTimeout,
    seed: args.seed,
    dryRun: args.dryRun,
    signal,
    onEvent: (event) => {
      // The plan comes once everything has been checked.
      if (event.type === "plan" && calibration !== undefined && !args.json) {
        printNotice(
          `calibrating on ${calibration.samples} windows of ${calibration.seqLen} = ` +
            `${calibration.tokens.toLocaleString("en")} tokens from ${calibration.source}`,
        );
      }
      progress.take(event);
    },
  });
  progress[Symbol.dispose]();
  if (args.json) return printJson({ ...report, ...fields });
  if (args.dryRun) {
    return printLine(
      `nothing written: ${args.model} would become ${report.format} in ${args.out}, with at most about ` +
        `${formatBytes(report.plan.peak)} of memory on top of what the program takes at rest`,
    );
  }
  const better = report.layers.filter((layer) => layer.error < layer.rtnError).length;
  printLine(
    `${report.out}: ${report.method}, ${report.bits ?? "mixed"} bits, ${
      report.groupSize === -1 ? "a scale a row" : `groups of ${report.groupSize ?? "several sizes"}`
    }, ` +
      `${report.format}; ${formatBytes(report.bytesBefore)} became ${
        formatBytes(report.bytesAfter)
      } in ${formatSeconds(report.seconds)} (${report.backend}, peak memory ${
        formatBytes(report.peakRssBytes)
      })`,
  );
  if (report.bitPlan !== null) printLine(planLine(report.bitPlan));
  const errors = report.layers.flatMap(({ activationError }) => activationError ?? []);
  if (errors.length > 0) {
    const most = Math.sqrt(Math.max(...errors)) * 100;
    printLine(
      `with rounded activations the outputs of the worst linear are off by ${
        most.toFixed(2)
      } % (root mean square)`,
    );
  } else if (calibration !== undefined) {
    printLine(
      `${better} of ${report.layers.length} linears have a smaller output error than plain rounding`,
    );
  }
  for (const { rule, linears } of report.rules) {
    printLine(`rule ${rule.match} names ${linears} of ${report.layers.length} linears`);
  }
  printLine(`measure it: salient eval ${report.out} --text FILE`);
}
