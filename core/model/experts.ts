/**
 * A mixture of experts.
 *
 * @module
 */

import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import type { MlpLayout } from "./layout.ts";
import { gatedMlp } from "./mlp.ts";
import type { BlockRun } from "./model.ts";
import { routeTokens } from "./route_tokens.ts";

type ExpertsLayout = Extract<MlpLayout, { kind: "experts" }>;

/**
 * The weighted sum of the experts that each token goes to, and of the shared one: x [T, H] to [T, H]. An expert's
 * inputs are seen at its own site `experts.I`, those of its `down` at `expertsHidden.I`; the router's, which
 * are everybody's, at `mlp`. With `allExperts` every expert is shown every token; what comes out stays the same.
 */
export async function mixExperts(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
  layout: ExpertsLayout,
): Promise<Tensor> {
  const { ops } = parts;
  await options.observe?.("mlp", x);
  using logits = await parts.linear("router", x, options);
  const { routes, chosen } = routeTokens(ops.download(logits), layout.count, layout.router, {
    correction: parts.contents.correction,
    chosen: options.choices?.chosen,
  });
  if (options.choices !== undefined) options.choices.chosen = chosen;
  const output = ops.zeros("F32", x.shape);
  try {
    for (const [expert, { rows, weights }] of routes.entries()) {
      using result = await runExpert(parts, x, rows, options, layout, expert);
      if (result !== undefined) await ops.addRows(output, result, rows, weights);
    }
    if (layout.shared !== undefined) await addShared(parts, x, options, layout, output);
  } catch (error) {
    output[Symbol.dispose]();
    throw error;
  }
  return output;
}

/** What an expert makes of some rows of x, [rows, H]; undefined for none. */
async function runExpert(
  parts: BlockParts,
  x: Tensor,
  rows: Int32Array,
  options: BlockRun,
  { activation }: ExpertsLayout,
  expert: number,
): Promise<Tensor | undefined> {
  const { ops } = parts;
  const place = {
    prefix: `experts.${expert}.`,
    site: `experts.${expert}`,
    hiddenSite: `expertsHidden.${expert}`,
  };
  if (options.allExperts === true && options.observe !== undefined) {
    using everything = await gatedMlp(parts, x, options, activation, place);
    return rows.length === 0 ? undefined : await ops.embed(everything, rows);
  }
  if (rows.length === 0) return undefined;
  using input = await ops.embed(x, rows);
  return await gatedMlp(parts, input, options, activation, place);
}

async function addShared(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
  { activation, shared }: ExpertsLayout,
  output: Tensor,
): Promise<void> {
  const { ops } = parts;
  const place = { prefix: "", site: undefined, hiddenSite: "mlpHidden" };
  using result = await gatedMlp(parts, x, options, activation, place);
  if (shared?.gated !== true) return await ops.addInPlace(output, result);
  using gate = await parts.linear("sharedGate", x, options);
  const weights = ops.download(gate).map((value) => 1 / (1 + Math.exp(-value)));
  await ops.addRows(output, result, Int32Array.from(weights.keys()), weights);
}
