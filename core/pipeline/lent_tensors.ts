/**
 * Tensors that plugins may look at but do not own.
 *
 * @module
 */

import type { InputMoment, Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { InputStatistics } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";

interface Loan {
  readonly view: Tensor;
  readonly what: string;
}

/**
 * Hands out views in place of the tensors themselves, so that a plugin which disposes one harms only itself, and is
 * told so. The views end with this object, and with them their use.
 */
export class LentTensors implements Disposable {
  readonly #ops: Ops;
  readonly #loans = new Map<Tensor, Loan>();
  #ended = false;

  /** Lends nothing yet. */
  constructor(ops: Ops) {
    this.#ops = ops;
  }

  /**
   * A view of a tensor, the same each time.
   *
   * @param what For errors, for example `the weight of model.layers.0.mlp.up_proj`.
   */
  lend(tensor: Tensor, what: string): Tensor {
    if (this.#ended) {
      throw new SalientError("plugin", `${what} was asked for after its block was done`);
    }
    const before = this.#loans.get(tensor);
    if (before !== undefined) return before.view;
    const view = this.#ops.reshape(tensor, tensor.shape);
    this.#loans.set(tensor, { view, what });
    return view;
  }

  /** Statistics with views in place of their tensors. */
  lendStatistics(statistics: InputStatistics, name: string): InputStatistics {
    const { gram, sample, sequences } = statistics;
    const what = `the statistics of ${name}`;
    return {
      ...statistics,
      ...(gram === undefined ? {} : { gram: this.lend(gram, what) }),
      ...(sample === undefined ? {} : { sample: this.lend(sample, what) }),
      ...(sequences === undefined
        ? {}
        : { sequences: { ...sequences, input: this.lend(sequences.input, what) } }),
    };
  }

  /** A moment with a view in place of its tensor. */
  lendMoment(moment: InputMoment, name: string): InputMoment {
    const what = `the statistics of ${name}`;
    return moment.kind === "gram"
      ? { ...moment, gram: this.lend(moment.gram, what) }
      : { ...moment, sample: this.lend(moment.sample, what) };
  }

  /**
   * Looks whether every view is still there.
   *
   * @throws {SalientError} `plugin`, naming what was disposed.
   */
  check(): void {
    for (const { view, what } of this.#loans.values()) {
      try {
        using _ = this.#ops.reshape(view, view.shape);
      } catch (cause) {
        if (cause instanceof SalientError && cause.code === "interrupted") throw cause;
        throw new SalientError("plugin", `it has disposed ${what}, which is not its own`, {
          cause,
        });
      }
    }
  }

  /** Takes all views back. */
  [Symbol.dispose](): void {
    this.#ended = true;
    for (const { view } of this.#loans.values()) view[Symbol.dispose]();
    this.#loans.clear();
  }
}
