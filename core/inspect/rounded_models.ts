/**
 * A model rounded to nearest, with some of its input channels treated better.
 *
 * @module
 */

import type { AffineGrid, Backend, Weight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { type GridOptions, resolveGrid } from "../grid_helpers.ts";
import type { BlockLinear, Model } from "../model/model.ts";
import type { Tensor } from "../tensor.ts";
import { withLinears } from "./with_linears.ts";

/** Input channels of each linear, by its full name. */
export type ChosenChannels = ReadonlyMap<string, Uint32Array>;

/** What multiplying channels does to the steps of their groups' grids, over all groups of all linears. */
export interface StepGrowth {
  /** Share of the groups whose step changes, 0 to 1. */
  readonly changed: number;
  /** Mean over the groups of the step after to that before. */
  readonly growth: number;
  /** The same over the factor: what is left of the rounding error of a multiplied weight. */
  readonly errorRatio: number;
}

/** Makes variants of a plain model whose linears are rounded to nearest. */
export class RoundedModels {
  readonly #model: Model;
  readonly #ops: Backend;
  readonly #grids: ReadonlyMap<string, AffineGrid>;

  /** Refuses a grid that does not fit a linear. */
  constructor(model: Model, grid: GridOptions) {
    this.#model = model;
    this.#ops = model.backend;
    this.#grids = new Map(
      model.linears.map((linear) => [linear.name, resolveGrid(grid, linear)]),
    );
  }

  /** Every linear rounded. */
  plain(): Model {
    return withLinears(this.#model, (linear) => {
      return this.#ops.fakeQuantize(this.#weight(linear), this.#grid(linear));
    });
  }

  /** Every linear rounded but for the chosen channels, which stay as they are. */
  keeping(chosen: ChosenChannels): Model {
    return withLinears(this.#model, async (linear) => {
      const weight = this.#weight(linear);
      const isKept = factorsOf(linear, chosen, 1, 0);
      using rounded = await this.#ops.fakeQuantize(weight, this.#grid(linear));
      using others = await this.#ops.scaleColumns(rounded, isKept.map((kept) => 1 - kept));
      const mixed = await this.#ops.scaleColumns(weight, isKept);
      await this.#ops.addInPlace(mixed, others);
      return mixed;
    });
  }

  /** Every linear rounded, the chosen channels multiplied by `factor` before and divided by it after. */
  scaling(chosen: ChosenChannels, factor: number): Model {
    return withLinears(this.#model, (linear) => {
      const s = factorsOf(linear, chosen, factor, 1);
      return this.#ops.fakeQuantize(this.#weight(linear), this.#grid(linear), s);
    });
  }

  /** What {@linkcode RoundedModels.scaling} does to the steps. */
  async growth(chosen: ChosenChannels, factor: number, signal?: AbortSignal): Promise<StepGrowth> {
    let [groups, changed, growth] = [0, 0, 0];
    for (let index = 0; index < this.#model.config.blocks; index++) {
      signal?.throwIfAborted();
      using block = await this.#model.loadBlock(index);
      for (const linear of block.linears.values()) {
        const weight = this.#weight(linear);
        using scaled = await this.#ops.scaleColumns(weight, factorsOf(linear, chosen, factor, 1));
        const before = await this.#steps(weight, this.#grid(linear));
        const after = await this.#steps(scaled, this.#grid(linear));
        groups += before.length;
        before.forEach((step, i) => {
          const now = after[i] ?? step;
          if (now !== step) changed++;
          growth += now / step;
        });
      }
      this.#model.releaseBlock(index);
    }
    return {
      changed: changed / groups,
      growth: growth / groups,
      errorRatio: growth / groups / factor,
    };
  }

  /** The scale of every row and group. */
  async #steps(weight: Tensor, grid: AffineGrid): Promise<Float32Array> {
    using plain = await this.#ops.cast(weight, "F32");
    using quantized = await this.#ops.quantize(plain, grid);
    return this.#ops.download(quantized.scales);
  }

  #grid({ info }: BlockLinear): AffineGrid {
    const grid = this.#grids.get(info.name);
    if (grid === undefined) throw new SalientError("failed", `${info.name} is not of this model`);
    return grid;
  }

  #weight({ info, weight }: BlockLinear): Tensor {
    if (isPlain(weight)) return weight;
    throw new SalientError("input", `${info.name} is quantized: give the original model`, {
      tensor: info.name,
    });
  }
}

function isPlain(weight: Weight): weight is Tensor {
  return !("packed" in weight);
}

/** [K]: `inside` at the chosen channels of a linear, `outside` elsewhere. */
function factorsOf(
  { info }: BlockLinear,
  chosen: ChosenChannels,
  inside: number,
  outside: number,
): Float32Array {
  const factors = new Float32Array(info.shape[1]).fill(outside);
  for (const channel of chosen.get(info.name) ?? []) factors[channel] = inside;
  return factors;
}
