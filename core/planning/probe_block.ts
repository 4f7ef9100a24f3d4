/**
 * What the rounding of each linear of a block does to the block's output.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import { discard } from "../discard.ts";
import type { Block } from "../model/model.ts";
import type { Tensor } from "../tensor.ts";

/** Bits up to which a rounded block is run; above them the error follows from that of these bits. */
const MOST_MEASURED = 4;

/** What {@linkcode BlockProbe} works with. */
export interface BlockProbeOptions {
  /** Operations on tensors. */
  readonly ops: Ops;
  /** The block, as it is. */
  readonly block: Block;
  /** The grids to measure, by full name of the linear. */
  readonly grids: ReadonlyMap<string, readonly AffineGrid[]>;
  /** Precision of the products. */
  readonly precision: "fp32" | "bf16";
}

/**
 * Measures, for each linear and each of its grids, the mean over tokens of
 *
 *     |h' - h|^2 / |h|^2
 *
 * where h is a row of the block's output, residual stream included, and h' the same with that one linear
 * rounded to nearest. The division is token by token, as the next norm divides: a few tokens with huge
 * residuals, which most models have, do not outweigh all others.
 *
 * Errors of more than 4 bits are not run: rounding noise goes with the square of the step, so that
 * e(b) = e(4) ((2^4 - 1) / (2^b - 1))^2.
 */
export class BlockProbe {
  readonly #options: BlockProbeOptions;
  readonly #sums = new Map<string, Float64Array>();
  #tokens = 0;

  /** Begins with no tokens. */
  constructor(options: BlockProbeOptions) {
    this.#options = options;
    for (const [name, grids] of options.grids) this.#sums.set(name, new Float64Array(grids.length));
  }

  /** Adds windows. Hidden states before the block: F32 [sequences * length, H]. Returns those after it. */
  async add(input: Tensor, sequences: number, abort: () => void): Promise<Tensor> {
    const { ops, block, grids, precision } = this.#options;
    const output = await block.run(input, { sequences, precision });
    try {
      const width = output.shape[1] ?? 1;
      const expected = ops.download(output);
      const scale = inverseEnergies(expected, width);
      this.#tokens += scale.length;
      for (const { info, weight } of block.linears.values()) {
        if ("packed" in weight) continue;
        for (const [i, grid] of (grids.get(info.name) ?? []).entries()) {
          abort();
          if (!isMeasured(grid, grids.get(info.name) ?? [])) continue;
          using rounded = await ops.fakeQuantize(weight, grid);
          const overrides = new Map([[info.name, rounded]]);
          using changed = await block.run(input, { sequences, precision, overrides });
          const found = ops.download(changed);
          const sums = this.#sums.get(info.name);
          if (sums !== undefined) sums[i]! += relativeError(expected, found, scale, width);
          discard(found);
        }
      }
      discard(expected);
      return output;
    } catch (error) {
      output[Symbol.dispose]();
      throw error;
    }
  }

  /** For each linear the error of each of its grids, in their order. */
  errors(): ReadonlyMap<string, readonly number[]> {
    const found = new Map<string, readonly number[]>();
    for (const [name, grids] of this.#options.grids) {
      const means = [...this.#sums.get(name) ?? []].map((total) => total / this.#tokens);
      const last = grids.findLastIndex((grid) => isMeasured(grid, grids));
      const steps = (i: number): number => 2 ** grids[i]!.bits - 1;
      found.set(
        name,
        means.map((mean, i) => i <= last ? mean : means[last]! * (steps(last) / steps(i)) ** 2),
      );
    }
    return found;
  }
}

/** Whether a grid is run: those of few bits, and in any case the first. Grids come with ascending bits. */
function isMeasured(grid: AffineGrid, grids: readonly AffineGrid[]): boolean {
  return grid.bits <= MOST_MEASURED || grid === grids[0];
}

function inverseEnergies(values: Float32Array, width: number): Float64Array {
  return Float64Array.from({ length: values.length / width }, (_, row) => {
    let energy = 0;
    for (let i = row * width; i < (row + 1) * width; i++) energy += values[i]! * values[i]!;
    return energy > 0 ? 1 / energy : 0;
  });
}

function relativeError(
  expected: Float32Array,
  found: Float32Array,
  scale: Float64Array,
  width: number,
): number {
  let total = 0;
  for (let row = 0; row < scale.length; row++) {
    let error = 0;
    for (let i = row * width; i < (row + 1) * width; i++) {
      const difference = found[i]! - expected[i]!;
      error += difference * difference;
    }
    total += error * scale[row]!;
  }
  return total;
}
