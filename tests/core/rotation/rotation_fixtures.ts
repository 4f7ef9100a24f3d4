/**
 * Rotations for tests.
 *
 * @module
 */

import type { ModelView, Ops, Plugin, Tensor } from "../../../core/plugin.ts";
import { normalNumbers } from "../../../core/random.ts";

/** A random orthogonal matrix [size, size]: Gram and Schmidt in doubles on seeded normal numbers. */
export function orthogonal(size: number, seed: string): Float32Array<ArrayBuffer> {
  const rows: Float64Array[] = [];
  const numbers = normalNumbers(seed, size * size);
  for (let i = 0; i < size; i++) {
    const row = Float64Array.from(numbers.subarray(i * size, (i + 1) * size));
    for (let pass = 0; pass < 2; pass++) {
      for (const other of rows) {
        const along = row.reduce((sum, value, k) => sum + value * other[k]!, 0);
        row.forEach((_, k) => row[k]! -= along * other[k]!);
      }
    }
    const length = Math.hypot(...row);
    rows.push(row.map((value) => value / length));
  }
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

/** The same on a backend. */
export function orthogonalTensor(ops: Ops, size: number, seed: string): Tensor {
  return ops.upload(orthogonal(size, seed), "F32", [size, size]);
}

/** A plugin that only transforms the model. */
export function transforming(
  transform: (model: ModelView, ops: Ops) => Promise<void>,
  name = "turn",
): Plugin {
  return { name, apiVersion: 1, transformModel: (model, ctx) => transform(model, ctx.ops) };
}

/** Rotates stream and heads by seeded matrices. */
export function turning(name = "turn"): Plugin {
  return transforming(async (model, ops) => {
    using stream = orthogonalTensor(ops, model.hiddenSize, `${name} stream`);
    await model.rotateResidual(stream);
    using heads = orthogonalTensor(ops, model.headDim, `${name} heads`);
    await model.rotateHeads(heads);
  }, name);
}
