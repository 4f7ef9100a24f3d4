/**
 * `salient compare`: methods side by side.
 *
 * @module
 */

import { loadRules, loadTokenizer, readText } from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { CompareArguments } from "../commands/compare.ts";
import { comparisonTable } from "../comparison_table.ts";
import { type MeasuredRow, measureMethods, type MethodToMeasure } from "../measure_methods.ts";
import { buildChain, usualFor } from "../methods.ts";
import { formatPerplexity } from "../format.ts";
import { locateModel } from "../locate_model.ts";
import { openLocated } from "../open_located.ts";
import { printJson, printLine, printNotice } from "../output.ts";
import { PluginSettings } from "../plugin_settings.ts";
import { progressStyle, RunProgress } from "../run_progress.ts";
import { firstWindows } from "../first_windows.ts";
import { windowLength } from "../window_length.ts";
import { calibrate } from "./calibrate.ts";

/** What every row runs. Options that are wrong are refused before a model is opened. */
async function chooseMethods(args: CompareArguments): Promise<MethodToMeasure[]> {
  const settings = new PluginSettings(args.set);
  const methods: MethodToMeasure[] = [];
  const wanted = args.methods.map((parts) => ({
    parts,
    bits: args.bits ?? (usualFor(parts).bits === 4 ? [4, 3] : [usualFor(parts).bits]),
  }));
  for (const bits of new Set(wanted.flatMap((method) => method.bits))) {
    for (const { parts } of wanted.filter((method) => method.bits.includes(bits))) {
      const { name, plugins, groupSize } = await buildChain(parts, { ...args, bits }, settings);
      methods.push({ method: name, bits, groupSize, plugins });
    }
  }
  const { targetBits } = args;
  for (const parts of targetBits === undefined ? [] : args.methods) {
    // The plugins' own bits give way to the plan.
    const { name, plugins, groupSize } = await buildChain(parts, { ...args, bits: 4 }, settings);
    methods.push({ method: name, bits: 4, groupSize, targetBits, plugins });
  }
  settings.refuseUnused();
  return methods;
}

/** Measures and prints the table. */
export async function runCompare(args: CompareArguments, signal: AbortSignal): Promise<void> {
  const methods = await chooseMethods(args);
  const rules = args.rules === undefined ? undefined : await loadRules(args.rules);
  using backend = await chooseBackend(args);
  const text = await readText(args.text);
  const { path, fields } = await locateModel(args, signal);
  using model = await openLocated(path, backend, args);
  const tokenizer = await loadTokenizer(path);
  const seqLen = windowLength(args.seqLen, 2048, model);
  const ids = firstWindows(tokenizer.encode(text.text), seqLen, args.windows);
  const calibration = await calibrate({ ...args, model: path, seqLen }, model, signal);
  const style = progressStyle(args.json);
  using progress = new RunProgress(style === "lines" ? "none" : style);
  const rows: MeasuredRow[] = [];
  const options = {
    backend,
    model,
    calibration,
    ids,
    seqLen,
    rules,
    hookTimeout: args.hookTimeout,
    allExperts: args.allExperts,
    seed: args.seed,
    signal,
    onEvent: progress.take,
  };
  for await (const row of measureMethods(methods, options)) {
    rows.push(row);
    progress[Symbol.dispose]();
    if (!args.json) {
      const value = formatPerplexity(
        row.perplexity,
        rows.length === 1 ? undefined : rows[0]?.perplexity,
      );
      printNotice(`${row.method} at ${row.targetBits ?? row.bits} bits: perplexity ${value}`);
    }
  }
  progress[Symbol.dispose]();
  if (args.json) return printJson({ ...fields, text: args.text, rows });
  printLine(comparisonTable(rows));
}
