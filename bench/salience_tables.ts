/**
 * Salience studies as Markdown.
 *
 * @module
 */

import type { ChannelChoice, SalienceStudy } from "../mod.ts";

/** A study and what it was made with. */
export interface StudiedModel {
  /** The model's name. */
  readonly name: string;
  /** What was found. */
  readonly study: SalienceStudy;
  /** What the activations were seen on. */
  readonly calibration: string;
  /** What perplexity was measured on. */
  readonly text: string;
  /** Time for all of it. */
  readonly seconds: number;
}

/** Two tables: channels kept, and channels scaled. */
export function salienceTables(all: readonly StudiedModel[]): string {
  return [
    "### Channels kept (the paper's Table 1)\n",
    ...rows([
      "model",
      "bits, group",
      "original",
      "RTN",
      "kept",
      "by activation",
      "by weight",
      "at random",
    ], [
      ...all.flatMap(keptRows),
    ]),
    "\n### Channels scaled (the paper's Table 2)\n",
    ...rows(["model", "bits, group", "s", "steps changed", "Δ'/Δ", "Δ'/Δ / s", "perplexity"], [
      ...all.flatMap(scaledRows),
    ]),
    "\n### What they were measured on\n",
    ...rows(["model", "bits, group", "calibration", "text", "tokens", "window", "seconds"], [
      ...all.map(({ name, study, calibration, text, seconds }) => [
        ...[name, gridOf(study), calibration, text, String(study.tokens), String(study.seqLen)],
        seconds.toFixed(0),
      ]),
    ]),
  ].join("\n");
}

function keptRows({ name, study }: StudiedModel): string[][] {
  const shares = [...new Set(study.kept.map(({ share }) => share))];
  return shares.map((share, i) => {
    const of = (choice: ChannelChoice): string => {
      const found = study.kept.find((kept) => kept.choice === choice && kept.share === share);
      if (found === undefined) return "";
      const [low, high] = found.range;
      const value = found.perplexity.toFixed(3);
      return low === high ? value : `${value} (${low.toFixed(2)} to ${high.toFixed(2)})`;
    };
    const { kept = share } = study.kept.find((found) => found.share === share) ?? {};
    return [
      ...(i > 0
        ? ["", "", "", ""]
        : [name, gridOf(study), study.original.toFixed(3), study.rounded.toFixed(3)]),
      ...[`${percent(share)} (really ${percent(kept)})`],
      ...[of("activation"), of("weight"), of("random")],
    ];
  });
}

function scaledRows({ name, study }: StudiedModel): string[][] {
  return study.scaled.map(({ factor, changed, growth, errorRatio, perplexity }, i) => [
    ...(i > 0 ? ["", ""] : [name, gridOf(study)]),
    ...[String(factor), percent(changed), growth.toFixed(3), errorRatio.toFixed(3)],
    perplexity.toFixed(3),
  ]);
}

/** Lines of a table whose columns are as wide as their widest cell, as `deno fmt` has them. */
function rows(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const widths = head.map((name, i) =>
    Math.max(3, name.length, ...body.map((cells) => cells[i]?.length ?? 0))
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)];
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

function gridOf({ bits, groupSize }: SalienceStudy): string {
  return `${bits}, ${groupSize === -1 ? "row" : groupSize}`;
}
