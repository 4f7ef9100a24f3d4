/**
 * The source of a new plugin.
 *
 * @module
 */

import { pascalCase } from "./pascal_case.ts";

/** `mod.ts` of a plugin that rounds to nearest on ranges that are shrunk a little. */
export function pluginModule(name: string): string {
  const pascal = pascalCase(name);
  const camel = pascal[0]?.toLowerCase() + pascal.slice(1);
  return `/**
 * A plugin for Salient: rounds to nearest, with every group's range shrunk by a factor.
 *
 * @module
 */

import {
  checkGridOptions,
  checkOptionNames,
  definePlugin,
  type Plugin,
  SalientError,
} from "@salient/quant/plugin";

/** What the plugin takes. \`salient\` offers the first three to every plugin. */
export interface ${pascal}Options {
  /** Bits of an integer, 2 to 8. Default 4. */
  bits?: number;
  /** Inputs that share a scale, -1 for a whole row. Default 128. */
  groupSize?: number;
  /** Fixed zero point in the middle. Default false. */
  symmetric?: boolean;
  /** What a group's largest weight is multiplied by, above 0 and at most 1. Default 0.95. */
  shrink?: number;
}

const NAMES = ["bits", "groupSize", "symmetric", "shrink"];

/** Makes the plugin. */
export default function ${camel}(options: ${pascal}Options = {}): Plugin {
  // Refuse here what is wrong in any case, before a model is opened.
  checkOptionNames("${name}", options, NAMES);
  const { bits = 4, groupSize = 128, symmetric = false, shrink = 0.95 } = options;
  const grid = { bits, groupSize, symmetric };
  checkGridOptions(grid);
  if (!(shrink > 0 && shrink <= 1)) {
    throw new SalientError("usage", \`Option shrink must be above 0 and at most 1 but is \${shrink}\`);
  }

  return definePlugin({
    name: "${name}",
    apiVersion: 1,

    // Refuse what does not fit the model, before any work.
    setup(ctx) {
      for (const linear of ctx.model.linears) ctx.grid.resolve(grid, linear);
    },

    async quantizeLinear(linear, ctx) {
      const fitted = ctx.grid.resolve(grid, linear);
      const size = fitted.groupSize;
      const [outputs, inputs] = linear.shape;
      const weights = ctx.ops.download(linear.weight);
      const bounds = new Float32Array(outputs * inputs / size);
      for (const group of bounds.keys()) {
        const start = group * size;
        let largest = 0;
        for (let i = start; i < start + size; i++) {
          largest = Math.max(largest, Math.abs(weights[i] ?? 0));
        }
        bounds[group] = shrink * largest;
      }
      using clip = ctx.ops.upload(bounds, "F32", [outputs, inputs / size]);
      return { weight: await ctx.ops.quantize(linear.weight, fitted, { bounds: clip }) };
    },
  });
}
`;
}
