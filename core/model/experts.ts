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

/**
 * The weighted sum of the experts that each token goes to, and of the shared one: x [T, H] to [T, H]. An expert's
 * inputs are seen at its own site `experts.I`, those of its `down` at `expertsHidden.I`; the router's, which
 * are everybody's, at `mlp`.
 */
export async function mixExperts(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
  layout: Extract<MlpLayout, { kind: "experts" }>,
): Promise<Tensor> {
  const { ops } = parts;
  const { activation, count, router, shared } = layout;
  await options.observe?.("mlp", x);
  using logits = await parts.linear("router", x, options);
  const routes = routeTokens(ops.download(logits), count, router, parts.contents.correction);
  const output = ops.zeros("F32", x.shape);
  try {
    for (const [expert, { rows, weights }] of routes.entries()) {
      if (rows.length === 0) continue;
      using input = await ops.embed(x, rows);
      using result = await gatedMlp(parts, input, options, activation, {
        prefix: `experts.${expert}.`,
        site: `experts.${expert}`,
        hiddenSite: `expertsHidden.${expert}`,
      });
      await ops.addRows(output, result, rows, weights);
    }
    if (shared !== undefined) await addShared(parts, x, options, layout, output);
  } catch (error) {
    output[Symbol.dispose]();
    throw error;
  }
  return output;
}

async function addShared(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
  { activation, shared }: Extract<MlpLayout, { kind: "experts" }>,
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
