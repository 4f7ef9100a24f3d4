/**
 * Parts of a block's layout, from which families put blocks together.
 *
 * @module
 */

import type { LinearSpec, NormSpec, ScaleSetSpec } from "../layout.ts";

/** A part of a block: attention or MLP. */
export interface BlockPiece {
  /** Its linears, in the order in which they are quantized. */
  readonly linears: readonly LinearSpec[];
  /** Its own norms. */
  readonly norms?: readonly NormSpec[];
  /** Where factors may be folded. */
  readonly scaleSets: readonly ScaleSetSpec[];
}

/** Linears, norms and sets of several pieces. Sets that read one norm become one set: a fold changes all of its readers. */
export function joinPieces(pieces: readonly BlockPiece[]): Required<BlockPiece> {
  const sets: ScaleSetSpec[] = [];
  for (const set of pieces.flatMap(({ scaleSets }) => scaleSets)) {
    const { kind, role } = set.source;
    const same = sets.findIndex(({ source }) => {
      return kind === "norm" && source.kind === kind && source.role === role;
    });
    const before = sets[same];
    if (before === undefined) {
      sets.push(set);
      continue;
    }
    sets[same] = {
      source: set.source,
      linears: [...before.linears, ...set.linears],
      followers: [...before.followers ?? [], ...set.followers ?? []],
    };
  }
  return {
    linears: pieces.flatMap(({ linears }) => linears),
    norms: pieces.flatMap(({ norms }) => norms ?? []),
    scaleSets: sets,
  };
}
