/**
 * The chart of a salience study.
 *
 * @module
 */

import type { TopLevelSpec } from "vega-lite";
import type { ChannelChoice } from "./channel_choice.ts";
import type { SalienceStudy } from "./study_salience.ts";

/** One study of the chart. */
export interface SalienceChartRow {
  /** What stands above it, for example the model's name. */
  readonly title: string;
  /** What was found. */
  readonly study: SalienceStudy;
}

/** A mark of the chart. */
interface Point {
  readonly series: string;
  readonly x: number | string;
  readonly perplexity: number;
  readonly low?: number;
  readonly high?: number;
  /** Whether it ends a line that has its name there. */
  readonly last?: boolean;
}

const SCALED = "salient channels scaled";
const ROUNDED = "RTN";
const ORIGINAL = "original";
const KEPT: Readonly<Record<ChannelChoice, string>> = {
  activation: "kept, by activation",
  weight: "kept, by weight",
  random: "kept, at random",
};
/** Okabe and Ito's colours, which people who see colours differently can tell apart. */
const COLORS: Readonly<Record<string, string>> = {
  [KEPT.activation]: "#0072B2",
  [KEPT.weight]: "#D55E00",
  [KEPT.random]: "#009E73",
  [SCALED]: "#CC79A7",
};

/**
 * An SVG drawing with a row for each study: on the left perplexity by the share of channels kept, on the right by
 * the factor that the salient ones are multiplied by; lower is better. The drawing library is loaded on the first call;
 * it needs no permission and no browser.
 *
 * @example
 * ```ts
 * import { salienceChart } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const kept = { share: 0.01, kept: 0.01, perplexity: 24, range: [24, 24] as const };
 * const study = {
 *   ...{ bits: 3, groupSize: 128, symmetric: false, tokens: 4096, seqLen: 256, scaledShare: 0.01 },
 *   original: 20,
 *   rounded: 30,
 *   kept: [{ ...kept, choice: "activation" as const }],
 *   scaled: [{ factor: 2, changed: 0.1, growth: 1.05, errorRatio: 0.525, perplexity: 25 }],
 * };
 * assert.match(await salienceChart([{ title: "a model", study }]), /^<svg/);
 * ```
 */
export async function salienceChart(rows: readonly SalienceChartRow[]): Promise<string> {
  const [lite, vega] = await Promise.all([import("vega-lite"), import("vega")]);
  // The library's types are a union too wide for an object made in parts; compile checks it when it runs.
  const { spec } = lite.compile(drawing(rows) as unknown as TopLevelSpec);
  const view = new vega.View(vega.parse(spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

function drawing(rows: readonly SalienceChartRow[]): Record<string, unknown> {
  return {
    background: "white",
    padding: 12,
    spacing: 30,
    config: {
      font: "sans-serif",
      axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal" },
      legend: { labelFontSize: 12, labelLimit: 300, columnPadding: 24 },
      title: { fontSize: 13, anchor: "start", frame: "group" },
    },
    vconcat: rows.map(({ title, study }) => ({
      title: `${title}, ${study.bits} bits, ${groupsOf(study)}`,
      spacing: 30,
      hconcat: [
        panel(keptPoints(study), {
          field: "x",
          type: "ordinal",
          title: "share of the input channels kept",
          sort: null,
          axis: { labelAngle: 0 },
        }),
        panel(scaledPoints(study), {
          field: "x",
          type: "quantitative",
          title: `factor of the ${percent(study.scaledShare)} largest channels by activation`,
          scale: { type: "log", base: 2, nice: false, padding: 12 },
          axis: { values: study.scaled.map(({ factor }) => factor), grid: false, format: "~g" },
        }),
      ],
    })),
  };
}

/** Lines through points with a bar from the lowest to the highest draw, over the lines to compare them with. */
function panel(values: readonly Point[], x: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys(COLORS);
  const series = {
    field: "series",
    type: "nominal",
    title: null,
    legend: { orient: "top", columns: 4, symbolSize: 90 },
  };
  const color = { ...series, scale: { domain: names, range: Object.values(COLORS) } };
  const shapes = ["circle", "square", "triangle-up", "diamond"];
  const shape = { ...series, scale: { domain: names, range: shapes } };
  const y = {
    field: "perplexity",
    type: "quantitative",
    title: "perplexity",
    scale: { zero: false, nice: true, padding: 8 },
  };
  const isFlat = { field: "series", oneOf: [ROUNDED, ORIGINAL] };
  const dash = {
    condition: { test: `datum.series == "${ROUNDED}"`, value: [7, 4] },
    value: [2, 3],
  };
  return {
    width: 320,
    height: 190,
    data: { values },
    layer: [
      {
        transform: [{ filter: isFlat }],
        mark: { type: "line", strokeWidth: 1.5, color: "#444444" },
        encoding: { x, y, detail: { field: "series" }, strokeDash: dash },
      },
      {
        transform: [{ filter: isFlat }, { filter: "datum.last" }],
        mark: { type: "text", align: "left", dx: 8, fontSize: 11, color: "#444444" },
        encoding: { x, y, text: { field: "series" } },
      },
      {
        transform: [{ filter: { not: isFlat } }],
        mark: { type: "line", strokeWidth: 2 },
        encoding: { x, y, color },
      },
      {
        transform: [{ filter: { not: isFlat } }],
        mark: { type: "point", filled: true, size: 60, opacity: 1 },
        encoding: { x, y, shape, color },
      },
      {
        transform: [{ filter: "isValid(datum.low) && datum.high > datum.low" }],
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      },
    ],
  };
}

function keptPoints(study: SalienceStudy): Point[] {
  const points = study.kept.map(({ choice, share, perplexity, range: [low, high] }): Point => {
    return { series: KEPT[choice], x: percent(share), perplexity, low, high };
  });
  const shares = [...new Set(study.kept.map(({ share }) => percent(share)))];
  return [...points, ...flatLines(study, shares)];
}

function scaledPoints(study: SalienceStudy): Point[] {
  const points = study.scaled.map(({ factor, perplexity }): Point => {
    return { series: SCALED, x: factor, perplexity };
  });
  return [...points, ...flatLines(study, study.scaled.map(({ factor }) => factor))];
}

/** What both panels are to be compared with. */
function flatLines(study: SalienceStudy, places: readonly (number | string)[]): Point[] {
  return places.flatMap((x, i): Point[] => {
    const last = i === places.length - 1;
    return [
      { series: ROUNDED, x, perplexity: study.rounded, last },
      { series: ORIGINAL, x, perplexity: study.original, last },
    ];
  });
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function groupsOf({ groupSize }: SalienceStudy): string {
  return groupSize === -1 ? "whole rows" : `groups of ${groupSize}`;
}
