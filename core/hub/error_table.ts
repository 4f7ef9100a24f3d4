/**
 * The errors of a model's linears, summed up.
 *
 * @module
 */

import type { LinearReport } from "../plugin.ts";

/**
 * Markdown of the output errors by role (`q_proj`, `down_proj`): the root of the mean relative squared error over the
 * blocks, beside that of plain rounding on the same grids, and the linear that is worst.
 */
export function errorTable(layers: readonly LinearReport[]): string[] {
  const roles = new Map<string, LinearReport[]>();
  for (const layer of layers) {
    if (layer.method === "none") continue;
    const role = layer.name.split(".").at(-1) ?? layer.name;
    roles.set(role, [...roles.get(role) ?? [], layer]);
  }
  const rows = [...roles].map(([role, of]) => {
    const worst = of.reduce((a, b) => b.error > a.error ? b : a);
    const error = percent(mean(of.map((layer) => layer.error)));
    const rounded = percent(mean(of.map((layer) => layer.rtnError)));
    return `| \`${role}\` | ${of.length} | ${error} | ${rounded} | ${
      percent(worst.error)
    } (\`${worst.name}\`) |`;
  });
  if (rows.length === 0) return [];
  return [
    "## Errors of the linears",
    "",
    "| linears | number | error | by plain rounding | worst |",
    "| --- | ---: | ---: | ---: | --- |",
    ...rows,
    "",
    "Relative root mean square error of a linear's output on the calibration inputs (of its weights, where nothing was " +
    "calibrated), before errors of other linears add to it.",
    "",
  ];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A squared error as a percentage of the whole. */
function percent(squared: number): string {
  return `${(100 * Math.sqrt(squared)).toFixed(2)} %`;
}
