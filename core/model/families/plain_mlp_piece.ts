/**
 * An MLP of two linears with a function between them.
 *
 * @module
 */

import type { Activation } from "../../backend.ts";
import type { LinearSpec, ScaleSetSpec } from "../layout.ts";
import type { BlockPiece } from "./block_piece.ts";

/** What tells one such MLP from another. */
export interface PlainMlp {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width inside. */
  readonly intermediateSize: number;
  /** Function between the linears. */
  readonly activation: Activation;
  /** Paths of the linears under the block. */
  readonly paths: Readonly<Record<"up" | "down", string>>;
  /** Roles of the linears that have a bias. */
  readonly biases: readonly string[];
  /** Whether the checkpoint stores the weights as [in, out]. Default false. */
  readonly transposed?: boolean;
  /** Role of the norm that `up` reads; undefined where it reads the stream itself. */
  readonly norm: string | undefined;
}

/**
 * Linears `up` and `down`, with the set norm -> up, and up -> down where the function is relu:
 * relu(x / s) * s = relu(x) for s above 0, which holds for no other.
 */
export function plainMlpPiece(mlp: PlainMlp): BlockPiece {
  const { hiddenSize, intermediateSize, activation, paths, biases, transposed = false, norm } = mlp;
  const linear = (
    role: "up" | "down",
    site: string,
    shape: readonly [number, number],
  ): LinearSpec => {
    return {
      key: role,
      role,
      path: paths[role],
      site,
      shape,
      bias: biases.includes(role),
      transposed,
    };
  };
  const input: readonly ScaleSetSpec[] = norm === undefined ? [] : [{
    source: { kind: "norm", role: norm },
    linears: ["up"],
    module: "mlp",
  }];
  const inside: readonly ScaleSetSpec[] = activation !== "relu" ? [] : [{
    source: { kind: "linear", role: "up" },
    linears: ["down"],
  }];
  return {
    linears: [
      linear("up", "mlp", [intermediateSize, hiddenSize]),
      linear("down", "mlpHidden", [hiddenSize, intermediateSize]),
    ],
    scaleSets: [...input, ...inside],
  };
}
