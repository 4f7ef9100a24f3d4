/**
 * The README of a quantized model.
 *
 * @module
 */

import type { CalibrationSet } from "../calibration/types.ts";
import type { QuantizeReport } from "../pipeline/report.ts";
import { errorTable } from "./error_table.ts";

/** The perplexity of a model and of what became of it, on one text. */
export interface MeasuredPerplexity {
  /** Name of the text. */
  readonly text: string;
  /** Windows measured. */
  readonly windows: number;
  /** Tokens of a window. */
  readonly seqLen: number;
  /** Tokens in all. */
  readonly tokens: number;
  /** Perplexity of the original. */
  readonly original: number;
  /** Perplexity of the result, read back. */
  readonly quantized: number;
  /** Time for both, in seconds. */
  readonly seconds: number;
}

/** A licence as a model card names it. */
export interface CardLicense {
  /** Its identifier, such as `apache-2.0` or `other`. */
  readonly license?: string;
  /** Its name, where it is another. */
  readonly license_name?: string;
  /** Where its text is. */
  readonly license_link?: string;
}

/** What a model card says. */
export interface ModelCard {
  /** The repository it is for, `org/name`. */
  readonly id: string;
  /** The model on the hub that was quantized, if it was one. */
  readonly base?:
    | { readonly id: string; readonly commit?: string; readonly url?: string }
    | undefined;
  /** The licence of that model. */
  readonly license?: CardLicense | undefined;
  /** How linears are stored. */
  readonly format: string;
  /** Bits of an integer; null where linears differ. */
  readonly bits: number | null;
  /** Inputs that share a scale, -1 for whole rows; null where linears differ. */
  readonly groupSize: number | null;
  /** What the run reported; undefined where the checkpoint was made some time before. */
  readonly report?: QuantizeReport | undefined;
  /** The command that made it. */
  readonly command?: string | undefined;
  /** What was calibrated on, if anything was. */
  readonly calibration?:
    | Pick<CalibrationSet, "source" | "samples" | "seqLen" | "tokens">
    | undefined;
  /** What was measured. */
  readonly measured?: MeasuredPerplexity | undefined;
  /** Versions of Salient and Deno. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Writes a model card: YAML for the hub, then what was done, how it was measured, and the command to do it again. It
 * says nothing that was not measured.
 */
export function modelCard(card: ModelCard): string {
  const { base, report, measured } = card;
  const name = card.id.split("/").at(-1) ?? card.id;
  const origin = base === undefined
    ? "a model"
    : base.url === undefined
    ? base.id
    : `[${base.id}](${base.url})`;
  const lines = [frontMatter(card), `# ${name}`, ""];
  const method = report === undefined ? "" : ` by ${report.method.toUpperCase()}`;
  lines.push(
    `${capital(origin)}${at(base?.commit)}, quantized${method} with Salient: ${
      gridOf(card)
    }, stored as \`${card.format}\`.`,
    "",
  );
  if (report !== undefined) lines.push(...sizes(report), "");
  if (card.calibration !== undefined) lines.push(calibrated(card.calibration), "");
  lines.push(...(measured === undefined ? notMeasured(report) : table(measured, report)), "");
  if (measured !== undefined && measured.text === card.calibration?.source) {
    lines.push(
      "It is the text that was calibrated on: on another, the difference is likely larger.",
      "",
    );
  }
  if (report !== undefined) lines.push(...errorTable(report.layers));
  if (card.command !== undefined) {
    const fence = "`".repeat(Math.max(3, ...runs(card.command)));
    lines.push("## How it was made", "", `${fence}sh`, card.command, fence, "");
  }
  const versions = Object.entries(card.versions).map(([what, version]) => `${what} ${version}`);
  const time = report === undefined
    ? ""
    : `; ${report.seconds.toFixed(1)} s for the quantization on the ${report.backend} backend`;
  lines.push(`Made with ${versions.join(", ")}${time}.`, "");
  return lines.join("\n");
}

/** Formats that transformers reads, by its documentation. */
const TRANSFORMERS: ReadonlySet<string> = new Set([
  "awq-gemm",
  "gptq",
  "pack-quantized",
  "int-quantized",
  "dequantized",
]);

function frontMatter(card: ModelCard): string {
  const { base, license, report, bits } = card;
  const gguf = card.format === "gguf";
  const tags = [
    "salient",
    "quantized",
    ...(bits === null ? [] : [`${bits}-bit`]),
    ...(report?.method.split("+") ?? []),
    ...(/quantized$/.test(card.format) ? ["compressed-tensors"] : []),
    ...(gguf ? ["gguf"] : []),
  ];
  const entries: [string, string | undefined][] = [
    ["license", license?.license],
    ["license_name", license?.license_name],
    ["license_link", license?.license_link],
    ["base_model", base?.id],
    ["base_model_relation", base === undefined ? undefined : "quantized"],
    ["library_name", TRANSFORMERS.has(card.format) ? "transformers" : undefined],
    ["pipeline_tag", "text-generation"],
  ];
  // A string of JSON is one of YAML.
  const fields = entries.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${JSON.stringify(value)}`]
  );
  const list = [...new Set(tags)].map((tag) => `  - ${JSON.stringify(tag)}`);
  return ["---", ...fields, "tags:", ...list, "---", ""].join("\n");
}

function gridOf({ bits, groupSize, report }: ModelCard): string {
  const groups = groupSize === null
    ? "groups of several sizes"
    : groupSize === -1
    ? "a scale for each row"
    : `groups of ${groupSize} inputs`;
  const average = report === undefined
    ? ""
    : `, ${
      report.bitsPerWeight.toFixed(3)
    } bits a weight inside the blocks with scales and zero points`;
  return `${bits ?? "several numbers of"} bits, ${groups}${average}`;
}

function sizes({ bytesBefore, bytesAfter, layers }: QuantizeReport): string[] {
  const plain = layers.filter(({ method }) => method === "none").length;
  const kept = plain === 0 ? "" : `; ${plain} linears stay as they were`;
  return [
    `The tensors were ${mib(bytesBefore)} and are ${
      mib(bytesAfter)
    }. Linears inside the blocks are quantized, embeddings, ` +
    `head and norms are not${kept}.`,
  ];
}

function calibrated(
  { source, samples, seqLen, tokens }: NonNullable<ModelCard["calibration"]>,
): string {
  return `Calibrated on ${samples} windows of ${seqLen} tokens (${tokens} tokens) from ${
    code(source)
  }${described(source)}.`;
}

/** What the texts that come with Salient are; empty for others. */
function described(source: string): string {
  if (source === "held-out") return " (State of the Union addresses of the years that end in 0)";
  return source === "default"
    ? " (State of the Union addresses of the other years, and Moby-Dick)"
    : "";
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}

function table(measured: MeasuredPerplexity, report: QuantizeReport | undefined): string[] {
  const { original, quantized, windows, seqLen, tokens, text } = measured;
  const percent = (quantized / original - 1) * 100;
  const difference = `${percent < 0 ? "" : "+"}${percent.toFixed(2)} %`;
  return [
    "## Measured",
    "",
    "| model | perplexity | against the original | tensors |",
    "| --- | ---: | ---: | ---: |",
    `| original | ${original.toFixed(3)} | | ${
      report === undefined ? "" : mib(report.bytesBefore)
    } |`,
    `| this model | ${quantized.toFixed(3)} | ${difference} | ${
      report === undefined ? "" : mib(report.bytesAfter)
    } |`,
    "",
    `Perplexity on ${code(text)}${
      described(text)
    }: ${windows} windows of ${seqLen} tokens side by side, ${tokens} tokens ` +
    `in all, the text tokenized once from its start with the model's tokenizer, the first token of each window not ` +
    `predicted; exp of the mean negative log-likelihood. Both models were run by Salient, this one as it was read back ` +
    `from its files. One run each; on other text the difference is another.`,
  ];
}

function notMeasured(report: QuantizeReport | undefined): string[] {
  const what = report === undefined ? "with this card" : "in this run";
  return ["## Measured", "", `Perplexity was not measured ${what}.`];
}

function at(commit: string | undefined): string {
  return commit === undefined ? "" : ` at commit \`${commit.slice(0, 12)}\``;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 2 })} MiB`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Lengths, plus one, of the runs of backticks in a text: a fence must be longer. */
function runs(text: string): number[] {
  return [...text.matchAll(/`+/g)].map(([run]) => run.length + 1);
}
