/**
 * `salient inspect --salience`: the channels that matter most.
 *
 * @module
 */

import {
  type LinearSalience,
  loadTokenizer,
  type Model,
  readText,
  salienceChart,
  type SalienceStudy,
  salientChannels,
  SalientError,
  studySalience,
} from "../../mod.ts";
import type { InspectArguments } from "../commands/inspect.ts";
import { formatPerplexity } from "../format.ts";
import { printLine, printNotice } from "../output.ts";
import { formatTable } from "../table.ts";
import { windowLength } from "../window_length.ts";
import { calibrate } from "./calibrate.ts";

/** Channels shown of a linear; `--json` has all. */
const SHOWN = 4;

/** What is said of a model's salience. */
export interface Salience {
  /** The largest hundredth of the channels of each linear. */
  readonly linears: readonly LinearSalience[];
  /** What keeping and scaling them does, if a text was given. */
  readonly study?: SalienceStudy;
}

/** Refuses options that mean nothing without another. */
export function checkSalienceOptions(args: InspectArguments): void {
  const needs = (what: string, other: string): never => {
    throw new SalientError("usage", `${what} needs ${other}: add it`);
  };
  if (args.text !== undefined && !args.salience) needs("--text", "--salience");
  if (args.svg !== undefined && args.text === undefined) needs("--svg", "--text FILE");
}

/** Finds the salient channels, measures what they are worth if there is a text, and draws it if asked. */
export async function findSalience(
  args: InspectArguments,
  path: string,
  model: Model,
  signal: AbortSignal,
): Promise<Salience> {
  const seqLen = windowLength(args.seqLen, 512, model);
  const calibration = await calibrate({ ...args, model: path, seqLen }, model, signal);
  const linears = await salientChannels({ model, calibration, signal });
  if (args.text === undefined) return { linears };
  const tokenizer = await loadTokenizer(path);
  const study = await studySalience({
    model,
    calibration,
    ids: tokenizer.encode((await readText(args.text)).text),
    seqLen,
    grid: { bits: args.bits, groupSize: args.groupSize ?? 128, symmetric: args.symmetric },
    seed: args.seed,
    signal,
    onMeasured: ({ what, perplexity, done, total }) => {
      if (!args.json) printNotice(`${done}/${total} ${what}: ${formatPerplexity(perplexity)}`);
    },
  });
  if (args.svg !== undefined) {
    const title = args.model.replace(/\/+$/, "").replace(/^.*\//, "");
    await Deno.writeTextFile(args.svg, await salienceChart([{ title, study }]) + "\n");
  }
  return { linears, study };
}

/** Prints it as tables. */
export function printSalience({ linears, study }: Salience): void {
  printLine(formatTable(
    ["linear", "inputs", "salient", "median |x|", "largest channels, times the median"],
    linears.map(({ name, inputs, median, channels }) => [
      name,
      String(inputs),
      String(channels.length),
      median.toPrecision(3),
      channels.slice(0, SHOWN).map(({ index, ratio, magnitude }) =>
        `${index} (${ratio === null ? magnitude.toPrecision(3) : ratio.toFixed(1)})`
      ).join(", ") + (channels.length > SHOWN ? ", ..." : ""),
    ]),
  ));
  if (study === undefined) return;
  printLine();
  printLine(
    `Perplexity: original ${formatPerplexity(study.original)}, all rounded to ${study.bits} bits ` +
      formatPerplexity(study.rounded, study.original),
  );
  printLine();
  printLine(formatTable(
    ["kept", "of all weights", "chosen by", "perplexity", "lowest", "highest"],
    study.kept.map(({ choice, share, kept, perplexity, range: [low, high] }) => [
      percent(share),
      percent(kept),
      choice === "random" ? "chance" : choice,
      formatPerplexity(perplexity, study.original),
      ...(low === high ? ["", ""] : [formatPerplexity(low), formatPerplexity(high)]),
    ]),
  ));
  printLine();
  printLine(formatTable(
    ["salient times", "steps changed", "step growth", "growth / factor", "perplexity"],
    study.scaled.map(({ factor, changed, growth, errorRatio, perplexity }) => [
      String(factor),
      percent(changed),
      growth.toFixed(3),
      errorRatio.toFixed(3),
      formatPerplexity(perplexity, study.original),
    ]),
  ));
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
