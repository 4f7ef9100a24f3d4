/**
 * The MLP of Llama's relatives.
 *
 * @module
 */

import type { Activation } from "../../backend.ts";
import type { LinearSpec, MlpLayout, ScaleSetSpec } from "../layout.ts";
import type { BlockPiece } from "./block_piece.ts";
import { gatedMlpPiece } from "./gated_mlp_piece.ts";
import { plainMlpPiece } from "./plain_mlp_piece.ts";

/** What tells one such MLP from another. */
export interface LlamaMlp {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width inside. */
  readonly intermediateSize: number;
  /** Paths of the linears under the block; which are there says how it is made. */
  readonly paths: Readonly<Record<string, string>>;
  /** Keys of the linears that have a bias. */
  readonly biases: readonly string[];
  /** Role of the norm that they read; undefined where they read the stream itself. */
  readonly norm: string | undefined;
  /** The function inside. */
  readonly activation: Activation;
}

/** Such an MLP: its parts and how they run. */
export interface LlamaMlpPiece extends BlockPiece {
  /** How they run. */
  readonly layout: MlpLayout;
}

/** Linears `gate`, `up` and `down`, or `gateUp` and `down`, or `up` and `down`, with the sets that can be folded exactly. */
export function llamaMlpPiece(mlp: LlamaMlp): LlamaMlpPiece {
  const { activation, biases, hiddenSize, intermediateSize, norm } = mlp;
  const { gate, up = "", gateUp, down = "" } = mlp.paths;
  if (gate !== undefined) {
    const piece = gatedMlpPiece({ ...mlp, paths: { gate, up, down } });
    return { ...piece, layout: { kind: "gated", activation, fused: false } };
  }
  if (gateUp === undefined) {
    return {
      ...plainMlpPiece({ ...mlp, paths: { up, down } }),
      layout: { kind: "plain", activation },
    };
  }
  const linear = (
    key: "gateUp" | "down",
    path: string,
    site: string,
    shape: readonly [number, number],
  ): LinearSpec => {
    return { key, role: key, path, site, shape, bias: biases.includes(key) };
  };
  const input: readonly ScaleSetSpec[] = norm === undefined ? [] : [{
    source: { kind: "norm", role: norm },
    linears: ["gateUp"],
    module: "mlp",
  }];
  return {
    linears: [
      linear("gateUp", gateUp, "mlp", [2 * intermediateSize, hiddenSize]),
      linear("down", down, "mlpHidden", [hiddenSize, intermediateSize]),
    ],
    scaleSets: [...input, {
      source: { kind: "linear", role: "gateUp" },
      linears: ["down"],
      // The second half is what the gates multiply, so factors pass.
      channelOf: Uint32Array.from({ length: intermediateSize }, (_, k) => intermediateSize + k),
    }],
    layout: { kind: "gated", activation, fused: true },
  };
}
