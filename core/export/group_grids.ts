/**
 * Linears gathered by their grid.
 *
 * @module
 */

import type { ActivationFormat } from "../plugin.ts";
import type { ExportedLinear } from "./types.ts";

/** Linears that are described alike. */
export interface GridGroup {
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale; -1 where every linear of the checkpoint takes its whole row. */
  readonly groupSize: number;
  /** Whether the zero point is fixed in the middle. */
  readonly symmetric: boolean;
  /** How their activations are quantized, where they are. */
  readonly activation: ActivationFormat | undefined;
  /** Whether their groups are not of neighbouring inputs. */
  readonly ordered: boolean;
  /** Full names, in order. */
  readonly names: readonly string[];
}

/** The groups of equal grids and activations: the largest first, the earlier one among equals. */
export function groupGrids(linears: ReadonlyMap<string, ExportedLinear>): readonly GridGroup[] {
  const wholeRows = [...linears.values()].every(({ info, grid }) =>
    grid.groupSize === info.shape[1]
  );
  const groups = new Map<string, { first: ExportedLinear; names: string[] }>();
  for (const [name, linear] of linears) {
    const { bits, groupSize, symmetric } = linear.grid;
    const size = wholeRows ? -1 : groupSize;
    const { activation, ordered = false } = linear;
    // Fixed scales stand beside the weights and may differ.
    const rounded = activation && [activation.bits, activation.granularity, activation.dynamic];
    const key = JSON.stringify([bits, size, symmetric, rounded ?? null, ordered]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: linear, names: [name] });
    else group.names.push(name);
  }
  return [...groups.values()]
    .sort((a, b) => b.names.length - a.names.length)
    .map(({ first, names }) => ({
      bits: first.grid.bits,
      groupSize: wholeRows ? -1 : first.grid.groupSize,
      symmetric: first.grid.symmetric,
      activation: first.activation,
      ordered: first.ordered ?? false,
      names,
    }));
}
