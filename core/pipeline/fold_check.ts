/**
 * The check that a plugin's folds have not changed what a block computes.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Block, ExpertChoices } from "../model/model.ts";
import { normalNumbers } from "../random.ts";
import type { Tensor } from "../tensor.ts";

/** Largest change of the block's own contribution, relative to it. */
const TOLERANCE = 1e-3;
/** What fp32 leaves of a sum with the residual stream, relative to that. */
const RESIDUAL_TOLERANCE = 1e-5;
/** Tokens of the made-up sequence where there is no calibration. */
const MADE_UP_TOKENS = 16;

/** One sequence before a block, and what the unchanged block makes of it. */
export class FoldCheck implements Disposable {
  readonly #ops: Ops;
  readonly #input: Tensor;
  readonly #expected: Float32Array;
  readonly #stream: Float32Array;
  readonly #choices: ExpertChoices;

  private constructor(ops: Ops, input: Tensor, output: Tensor, choices: ExpertChoices) {
    this.#ops = ops;
    this.#input = input;
    this.#choices = choices;
    this.#stream = ops.download(input);
    this.#expected = ops.download(output);
  }

  /**
   * Runs the block as it is.
   *
   * @param input F32 [tokens, width]; undefined takes random numbers.
   */
  static async before(
    ops: Ops,
    block: Block,
    width: number,
    input: Tensor | undefined,
  ): Promise<FoldCheck> {
    const sequence = input === undefined
      ? madeUp(ops, width, block.index)
      : ops.rows(input, 0, input.shape[0] ?? 0);
    const choices: ExpertChoices = {};
    using output = await block.run(sequence, { sequences: 1, choices });
    return new FoldCheck(ops, sequence, output, choices);
  }

  /**
   * Runs the changed block on the same sequence and compares. Tokens go to the experts that they went to before: of two
   * that are nearly tied, the last bit of the logits would choose.
   *
   * @throws {SalientError} `plugin` if what the block adds to the residual stream has changed.
   */
  async compare(changed: Block): Promise<void> {
    using output = await changed.run(this.#input, { sequences: 1, choices: this.#choices });
    const found = this.#ops.download(output);
    let [difference, contribution, stream] = [0, 0, 0];
    for (const [i, expected] of this.#expected.entries()) {
      difference += ((found[i] ?? NaN) - expected) ** 2;
      contribution += (expected - (this.#stream[i] ?? 0)) ** 2;
      stream += expected ** 2;
    }
    const allowed = TOLERANCE * Math.sqrt(contribution) + RESIDUAL_TOLERANCE * Math.sqrt(stream);
    if (Math.sqrt(difference) <= allowed) return;
    const relative = Math.sqrt(difference / contribution).toExponential(1);
    throw new SalientError(
      "plugin",
      `Block ${changed.name} no longer computes the same after folding (relative change ${relative})`,
      { tensor: changed.name },
    );
  }

  /** Frees the sequence. */
  [Symbol.dispose](): void {
    this.#input[Symbol.dispose]();
  }
}

/** Normally distributed numbers, the same in every run: F32 [16, width]. */
function madeUp(ops: Ops, width: number, index: number): Tensor {
  const values = normalNumbers(`fold check ${index}`, MADE_UP_TOKENS * width);
  return ops.upload(values, "F32", [MADE_UP_TOKENS, width]);
}
