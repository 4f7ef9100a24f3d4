/**
 * An MLP whose hidden values are gated.
 *
 * @module
 */

import type { LinearSpec, ScaleSetSpec } from "../layout.ts";
import type { BlockPiece } from "./block_piece.ts";

/** What tells one such MLP from another. */
export interface GatedMlp {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width inside. */
  readonly intermediateSize: number;
  /** Paths of the linears under the block. */
  readonly paths: Readonly<Record<"gate" | "up" | "down", string>>;
  /** Roles of the linears that have a bias. */
  readonly biases: readonly string[];
  /** Role of the norm that they read; undefined where they read the stream itself. */
  readonly norm: string | undefined;
}

/** Linears `gate`, `up` and `down`, with the sets norm -> gate, up and up -> down. */
export function gatedMlpPiece(mlp: GatedMlp): BlockPiece {
  const { hiddenSize, intermediateSize, paths, biases, norm } = mlp;
  const linear = (
    role: "gate" | "up" | "down",
    site: string,
    shape: readonly [number, number],
  ): LinearSpec => {
    return { key: role, role, path: paths[role], site, shape, bias: biases.includes(role) };
  };
  const input: readonly ScaleSetSpec[] = norm === undefined ? [] : [{
    source: { kind: "norm", role: norm },
    linears: ["gate", "up"],
    module: "mlp",
  }];
  return {
    linears: [
      linear("gate", "mlp", [intermediateSize, hiddenSize]),
      linear("up", "mlp", [intermediateSize, hiddenSize]),
      linear("down", "mlpHidden", [hiddenSize, intermediateSize]),
    ],
    scaleSets: [...input, { source: { kind: "linear", role: "up" }, linears: ["down"] }],
  };
}
