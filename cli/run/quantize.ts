/**
 * `salient quantize`: a checkpoint in, a quantized checkpoint out.
 *
 * @module
 */

import {
  checkPush,
  loadRules,
  type MeasuredPerplexity,
  type PushReport,
  quantize,
  readText,
  SalientError,
} from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { QuantizeArguments } from "../commands/quantize.ts";
import { formatBytes, formatPerplexity, formatSeconds } from "../format.ts";
import { buildChain, type Chain } from "../methods.ts";
import { planLine } from "../plan_line.ts";
import { locateModel } from "../locate_model.ts";
import { openLocated } from "../open_located.ts";
import { printJson, printLine, printNotice } from "../output.ts";
import { PluginSettings } from "../plugin_settings.ts";
import { resumeKey } from "../resume_key.ts";
import { progressStyle, RunProgress } from "../run_progress.ts";
import { windowLength } from "../window_length.ts";
import { calibrate } from "./calibrate.ts";
import { prepareMeasurement } from "./measure_result.ts";
import { publish } from "./publish.ts";

/** The plugins asked for, in order: those of third parties, then the method. */
async function chooseChain(args: QuantizeArguments): Promise<Chain> {
  const settings = new PluginSettings(args.set);
  const method = args.method ?? (args.plugins.length === 0 ? ["awq"] : []);
  const chain = await buildChain([...args.plugins, ...method], args, settings);
  settings.refuseUnused();
  return chain;
}

/** Quantizes, and prints what came of it. */
export async function runQuantize(
  args: QuantizeArguments,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  checkPushOptions(args);
  const { plugins, format } = await chooseChain(args);
  const rules = args.rules === undefined ? undefined : await loadRules(args.rules);
  if (args.push !== undefined) {
    await checkPush(args.push, { private: args.private, signal, onNotice: printNotice });
  }
  using backend = await chooseBackend(args);
  const wanted = measuredText(args);
  const text = wanted === undefined ? undefined : await readText(wanted.text);
  const source = await locateModel(args, signal);
  const { path, fields } = source;
  using model = await openLocated(path, backend, args);
  const observes = plugins.some((plugin) => plugin.observe !== undefined);
  const calibration = observes || args.targetBits !== undefined
    ? await calibrate(
      { ...args, model: path, seqLen: windowLength(args.seqLen, 512, model) },
      model,
      signal,
    )
    : undefined;
  const measure = text === undefined ? undefined : await prepareMeasurement({
    ...args,
    text,
    windows: wanted?.windows,
    original: model,
    path,
    backend,
    quiet: args.json,
    signal,
  });
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
    allExperts: args.allExperts,
    seed: args.seed,
    resume: args.resume ? { key: await resumeKey(args) } : false,
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
  let measured: MeasuredPerplexity | undefined;
  let pushed: PushReport | undefined;
  if (!args.dryRun) {
    measured = await measure?.(args.out).catch((cause) => {
      const whole = `${args.out} is written and whole, it was not measured`;
      if (signal.aborted) throw new SalientError("interrupted", `Interrupted: ${whole}`, { cause });
      if (!(cause instanceof SalientError)) throw cause;
      throw new SalientError(cause.code, `${cause.message}; ${whole}`, { cause });
    });
    if (args.push !== undefined) {
      const made = { source, report, calibration, measured, id: args.push };
      pushed = await publish({ ...args, ...made, argv, signal });
    }
  }
  if (args.json) {
    return printJson({
      ...report,
      ...fields,
      ...(measured === undefined ? {} : { measured }),
      ...(pushed === undefined ? {} : { pushed }),
    });
  }
  if (args.dryRun) {
    if (args.resume) {
      printLine(
        report.resumedBlocks === 0
          ? "there is no work of an interrupted run: all blocks would be done"
          : `${report.resumedBlocks} of ${model.config.blocks} blocks are done and would be kept`,
      );
    }
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
      }${
        report.peakDeviceBytes === null
          ? ""
          : `, of the device ${formatBytes(report.peakDeviceBytes)}`
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
  if (measured === undefined) printLine(`measure it: salient eval ${report.out} --text FILE`);
  else {
    const { original, quantized, windows, seqLen, text: name } = measured;
    printLine(
      `perplexity ${formatPerplexity(quantized, original)}, of the original ` +
        `${formatPerplexity(original)}, over ${windows} windows of ${seqLen} tokens of ${name}`,
    );
  }
  if (pushed !== undefined) {
    printLine(`pushed to ${pushed.url}, commit ${pushed.commit.slice(0, 12)}`);
  }
}

/** Refuses options that mean nothing without another. */
function checkPushOptions(args: QuantizeArguments): void {
  for (const [given, name] of [[args.private, "--private"], [args.noMeasure, "--no-measure"]]) {
    if (given === true && args.push === undefined) {
      throw new SalientError("usage", `${name} needs --push ORG/NAME: add it`);
    }
  }
  if (args.noMeasure && args.text !== undefined) {
    throw new SalientError("usage", "--no-measure and --text contradict each other: leave one out");
  }
  if (args.windows !== undefined && measuredText(args) === undefined) {
    throw new SalientError("usage", "--windows needs --text FILE: add it");
  }
}

/** Windows that are measured for a model card where nobody says what to measure. */
const CARD_WINDOWS = 16;

/** What is measured; undefined for nothing. */
function measuredText(
  { text, windows, push, noMeasure }: QuantizeArguments,
): { readonly text: string; readonly windows: number | undefined } | undefined {
  if (text !== undefined) return { text, windows };
  if (push === undefined || noMeasure) return undefined;
  return { text: "held-out", windows: windows ?? CARD_WINDOWS };
}
