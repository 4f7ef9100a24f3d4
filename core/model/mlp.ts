/**
 * The dense MLP of a block.
 *
 * @module
 */

import type { Activation } from "../backend.ts";
import type { Tensor } from "../tensor.ts";
import type { BlockParts } from "./block_parts.ts";
import type { BlockRun } from "./model.ts";

/** Where an MLP's linears are, and where their inputs are seen. */
export interface MlpPlace {
  /** Precedes the keys of its linears. */
  readonly prefix: string;
  /** Site of its input; undefined where somebody else has shown it. */
  readonly site: string | undefined;
  /** Site of what is inside. */
  readonly hiddenSite: string;
}

/** The MLP of a dense block. */
export const MLP: MlpPlace = { prefix: "", site: "mlp", hiddenSite: "mlpHidden" };

/** down(activation(gate(x)) * up(x)). */
export async function gatedMlp(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
  activation: Activation,
  place: MlpPlace = MLP,
): Promise<Tensor> {
  const { prefix, site, hiddenSite } = place;
  if (site !== undefined) await options.observe?.(site, x);
  using gate = await parts.linear(`${prefix}gate`, x, options);
  using up = await parts.linear(`${prefix}up`, x, options);
  using hidden = await parts.ops.gatedActivation(gate, up, activation);
  await options.observe?.(hiddenSite, hidden);
  return await parts.linear(`${prefix}down`, hidden, options);
}

/** As {@linkcode gatedMlp}, with gate and up as the two halves of the output of `gateUp`. */
export async function fusedMlp(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
  activation: Activation,
): Promise<Tensor> {
  const { ops } = parts;
  await options.observe?.(MLP.site!, x);
  using halves = await splitHalves(parts, x, options);
  using hidden = await ops.gatedActivation(halves.gate, halves.up, activation);
  await options.observe?.(MLP.hiddenSite, hidden);
  return await parts.linear("down", hidden, options);
}

/** The two halves of the output of `gateUp`, which itself is freed. */
async function splitHalves(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
): Promise<Disposable & { readonly gate: Tensor; readonly up: Tensor }> {
  const { ops } = parts;
  using stack = new DisposableStack();
  using both = await parts.linear("gateUp", x, options);
  const width = (both.shape[1] ?? 0) / 2;
  const columns = (start: number): Int32Array => {
    return Int32Array.from({ length: width }, (_, i) => start + i);
  };
  const gate = stack.use(await ops.selectColumns(both, columns(0)));
  const up = stack.use(await ops.selectColumns(both, columns(width)));
  const owned = stack.move();
  return { gate, up, [Symbol.dispose]: () => owned.dispose() };
}

/** down(activation(up(x))). */
export async function plainMlp(
  parts: BlockParts,
  x: Tensor,
  options: BlockRun,
  activation: Activation,
): Promise<Tensor> {
  await options.observe?.(MLP.site!, x);
  using hidden = await parts.linear("up", x, options);
  await parts.ops.activate(hidden, activation);
  await options.observe?.(MLP.hiddenSite, hidden);
  return await parts.linear("down", hidden, options);
}
