/**
 * `salient compare`: methods side by side.
 *
 * @module
 */

import { loadTokenizer, openModel, readText } from "../../mod.ts";
import { chooseBackend } from "../choose_backend.ts";
import type { CompareArguments } from "../commands/compare.ts";
import { comparisonTable } from "../comparison_table.ts";
import { type MeasuredRow, measureMethods } from "../measure_methods.ts";
import { methodPlugin } from "../methods.ts";
import { formatPerplexity } from "../format.ts";
import { printJson, printLine, printNotice } from "../output.ts";
import { progressStyle, RunProgress } from "../run_progress.ts";
import { windowLength } from "../window_length.ts";
import { calibrate } from "./calibrate.ts";

/** Measures and prints the table. */
export async function runCompare(args: CompareArguments, signal: AbortSignal): Promise<void> {
  using backend = await chooseBackend(args);
  using model = await openModel(args.model, backend);
  const tokenizer = await loadTokenizer(args.model);
  const text = await readText(args.text);
  const ids = tokenizer.encode(text.text);
  const seqLen = windowLength(args.seqLen, 2048, model);
  const calibration = await calibrate({ ...args, seqLen }, model, signal);
  const methods = args.bits.flatMap((bits) =>
    args.methods.map((method) => ({
      method,
      bits,
      groupSize: args.groupSize,
      plugins: [methodPlugin(method, { ...args, bits })],
    }))
  );
  const style = progressStyle(args.json);
  using progress = new RunProgress(style === "lines" ? "none" : style);
  const rows: MeasuredRow[] = [];
  const options = {
    backend,
    model,
    calibration,
    ids,
    seqLen,
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
      printNotice(`${row.method} at ${row.bits} bits: perplexity ${value}`);
    }
  }
  progress[Symbol.dispose]();
  if (args.json) return printJson({ model: args.model, text: args.text, rows });
  printLine(comparisonTable(rows));
}
