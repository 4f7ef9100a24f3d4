/**
 * A Salient plugin that rotates the model before it is rounded, after QuaRot (Ashkboos et al. 2024).
 *
 * A few channels of the residual stream are much larger than the rest, and so are the columns of weights that belong to
 * them: they spoil the grid of every group they lie in. Turned by a random orthogonal matrix, every channel becomes a
 * mixture of all, and no group has an outlier any more. The rotation is folded into the weights; the model computes
 * the same.
 *
 * @module
 */

import { checkOptionNames, definePlugin, type Plugin, SalientError } from "@salient/quant/plugin";
import { orthogonalMatrix } from "./orthogonal_matrix.ts";

/** What {@linkcode hadamard} takes. */
export interface HadamardOptions {
  /** Whether the residual stream is rotated. Default true. */
  residual?: boolean;
  /** Whether the values of each head are rotated. Default true. */
  heads?: boolean;
  /** Whether the signs are random; otherwise the matrix is taken as it is. Default true. */
  random?: boolean;
}

/** `salient` offers the first three to every plugin; a rotation has no use for them. */
const NAMES: readonly string[] = [
  "bits",
  "groupSize",
  "symmetric",
  "residual",
  "heads",
  "random",
];

/**
 * Makes the plugin. It rounds nothing: put a method after it, `[hadamard(), rtn({ bits: 4 })]`.
 *
 * @throws {SalientError} `usage` where an option is unknown or no truth value.
 */
export default function hadamard(options: HadamardOptions = {}): Plugin {
  checkOptionNames("hadamard", options, NAMES);
  const { residual = true, heads = true, random = true } = options;
  for (const [name, value] of Object.entries({ residual, heads, random })) {
    if (typeof value === "boolean") continue;
    throw new SalientError(
      "usage",
      `Option ${name} of hadamard must be true or false`,
    );
  }
  return definePlugin({
    name: "hadamard",
    apiVersion: 1,

    async transformModel(model, ctx) {
      const draw = random ? ctx.random : () => 0;
      if (residual) {
        const { hiddenSize } = model;
        const matrix = signed(orthogonalMatrix(hiddenSize), hiddenSize, draw);
        using rotation = ctx.ops.upload(matrix, "F32", [
          hiddenSize,
          hiddenSize,
        ]);
        await model.rotateResidual(rotation);
      }
      if (heads) {
        const { headDim } = model;
        const matrix = signed(orthogonalMatrix(headDim), headDim, draw);
        using rotation = ctx.ops.upload(matrix, "F32", [headDim, headDim]);
        await model.rotateHeads(rotation);
      }
    },
  });
}

/** The matrix with each row's sign drawn: still orthogonal. */
function signed(
  matrix: Float32Array<ArrayBuffer>,
  size: number,
  draw: () => number,
): Float32Array<ArrayBuffer> {
  const signs = Int8Array.from({ length: size }, () => draw() < 0.5 ? 1 : -1);
  return matrix.map((value, i) => value * (signs[Math.floor(i / size)] ?? 1));
}
