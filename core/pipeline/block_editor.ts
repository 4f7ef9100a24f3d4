/**
 * A block while plugins work on it.
 *
 * @module
 */

import type { Ops, PackedWeight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { replaceWeights } from "../model/decoder_block.ts";
import type { Block, BlockLinear, BlockNorm, Model } from "../model/model.ts";
import type { ActivationFormat, BlockView, LinearInfo, LinearView, ScaleSet } from "../plugin.ts";
import { RotatedModel } from "../rotation/rotated_model.ts";
import type { DType, Tensor } from "../tensor.ts";
import { type EditedLinear, editLinear } from "./edited_linear.ts";
import { divideNorm } from "./divide_norm.ts";
import { checkFactors } from "./fold_factors.ts";
import { LentTensors } from "./lent_tensors.ts";
import { viewLinear } from "./linear_view.ts";
import { mapRows } from "./map_rows.ts";
import { rowFactors } from "./row_factors.ts";
import { findScaleSets, type FoldableSet } from "./scale_sets.ts";
import type { SiteStatistics } from "./statistics.ts";

/** What an editor works with. */
export interface EditorOptions {
  /** Operations on tensors. */
  readonly ops: Ops;
  /** The model of the block. */
  readonly model: Model;
  /** Statistics by site; empty where nothing was observed. */
  readonly statistics: ReadonlyMap<string, SiteStatistics>;
  /** Whether a linear, by its full name, may be quantized. */
  readonly isQuantizable: (name: string) => boolean;
}

/**
 * Holds a block's weights as they are after the folds so far, and shows them to the plugins as a {@linkcode BlockView}.
 * A weight becomes an F32 copy, owned here, when it is first changed; later changes are made in that copy, so a tensor
 * that a plugin holds stays valid until the block is done.
 */
export class BlockEditor implements Disposable {
  /** What plugins see. */
  readonly view: BlockView;
  /** The linears by role. */
  readonly linears: ReadonlyMap<string, EditedLinear>;
  readonly #block: Block;
  readonly #options: EditorOptions;
  readonly #norms: Map<string, BlockNorm>;
  readonly #changedNorms = new Set<string>();
  readonly #sets: readonly FoldableSet[];
  readonly #stack = new DisposableStack();
  readonly #lent: LentTensors;
  #folds = 0;
  readonly #working = new Set<Promise<unknown>>();
  #isOpen = true;

  /**
   * Shows a block, whose weights must be plain.
   *
   * @throws {SalientError} `input` if a linear is stored quantized.
   */
  constructor(block: Block, options: EditorOptions) {
    const { model, isQuantizable } = options;
    this.#block = block;
    this.#options = options;
    this.#lent = this.#stack.use(new LentTensors(options.ops));
    this.#norms = new Map(block.norms);
    this.linears = new Map([...block.linears].map(([role, linear]) => [role, editLinear(linear)]));
    if (model instanceof RotatedModel) this.#mark(model.changesOf(block.index));
    this.#sets = findScaleSets(model.architecture.block(block.index), block, isQuantizable);
    this.view = this.#makeView();
  }

  /** Number of folds so far. */
  get folds(): number {
    return this.#folds;
  }

  /** The norms as they are, by role. */
  get norms(): ReadonlyMap<string, BlockNorm> {
    return this.#norms;
  }

  /** Whether the norm of that role has been changed. */
  isNormChanged(role: string): boolean {
    return this.#changedNorms.has(role);
  }

  /** The statistics of a linear's input, if any. */
  statisticsOf(linear: LinearInfo): SiteStatistics | undefined {
    return this.#options.statistics.get(linear.site);
  }

  /** The block with its weights as they are now. Valid until the next change; needs no disposal. */
  current(): Block {
    const linears = new Map<string, BlockLinear>();
    for (const [role, { info, weight, bias, quantized, activation }] of this.linears) {
      linears.set(role, { info, weight: quantized ?? weight, bias, activation });
    }
    return replaceWeights(this.#block, { linears, norms: this.#norms });
  }

  /**
   * Looks at what a hook has done.
   *
   * @throws {SalientError} `plugin` if it has disposed a tensor that it was lent, or not waited for a fold.
   */
  async checkHook(): Promise<void> {
    this.#lent.check();
    if (this.#working.size === 0) return;
    await Promise.allSettled(this.#working); // what they hold is theirs until they end
    throw new SalientError("plugin", "it ended before its calls of the block: await them");
  }

  /** Whether any linear runs in its quantized form. */
  get hasQuantized(): boolean {
    return this.linears.values().some(({ quantized }) => quantized !== undefined);
  }

  /** Runs a linear in its quantized form from now on. The packed weight goes with the editor. */
  setQuantized(linear: EditedLinear, packed: PackedWeight, activation?: ActivationFormat): void {
    linear.quantized = this.#stack.use(packed);
    linear.activation = activation;
  }

  /** Ends the time in which the block may be changed. */
  close(): void {
    this.#isOpen = false;
  }

  /** Frees the copies. */
  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  /** A call of a plugin, which must fall into its `transformBlock`. */
  #during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const result = this.#call(name, work);
    this.#working.add(result);
    const forget = (): boolean => this.#working.delete(result);
    result.then(forget, forget); // a plugin that does not wait for it must not end the program
    return result;
  }

  async #call<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isOpen) {
      const message = `${name} of ${this.#block.name} was called after transformBlock had ended`;
      throw new SalientError("plugin", message);
    }
    return await work();
  }

  /** What a rotation has made is no longer as the checkpoint has it, and may be changed in place. */
  #mark({ weights, biases, norms }: ReturnType<RotatedModel["changesOf"]>): void {
    for (const [role, linear] of this.linears) {
      linear.changed = weights.has(role);
      linear.biasChanged = biases.has(role);
    }
    for (const role of norms) this.#changedNorms.add(role);
  }

  async #fold(set: ScaleSet, factors: Float32Array): Promise<void> {
    const found = this.#find(set);
    checkFactors(found.set, factors);
    this.#folds++;
    const ratios = found.source.kind === "norm"
      ? await this.#divideNorm(found.source.role, factors)
      : await this.#divideRows(found, factors);
    for (const key of found.linears) {
      const linear = this.linears.get(key);
      if (linear !== undefined) await this.#multiplyColumns(linear, ratios);
    }
    for (const site of found.sites) await this.#options.statistics.get(site)?.divide(ratios);
  }

  /** Divides a norm's weight and bias; the ratios that the stored types allow. */
  async #divideNorm(role: string, factors: Float32Array): Promise<Float32Array> {
    const norm = this.#norms.get(role);
    if (norm === undefined) throw new SalientError("failed", `Block has no norm ${role}`);
    const stored = this.#storedType(`${norm.name}.weight`, norm.weight);
    const divided = await divideNorm(this.#options.ops, norm, factors, stored);
    const bias = divided.bias && this.#own(divided.bias);
    const weight = this.#own(divided.weight);
    this.#norms.set(role, { ...norm, weight, ...(bias === undefined ? {} : { bias }) });
    this.#changedNorms.add(role);
    return divided.ratios;
  }

  /** Divides the rows and the bias of a linear; the ratios for the inputs that come from them. */
  async #divideRows(found: FoldableSet, factors: Float32Array): Promise<Float32Array> {
    const { ops } = this.#options;
    const linear = this.linears.get(found.source.role);
    if (linear === undefined) throw new SalientError("failed", "Block has no such linear");
    const stored = this.#storedType(`${linear.info.name}.bias`, linear.bias);
    const { rows, ratios, bias } = await rowFactors(ops, linear, found, factors, stored);
    if (bias !== undefined) {
      linear.bias = this.#own(bias);
      linear.biasChanged = true;
    }
    const inverse = rows.map((factor) => 1 / factor);
    await this.#change(
      linear,
      (part, start, count) => ops.scaleRows(part, inverse.subarray(start, start + count)),
    );
    linear.rowFactors = product(linear.rowFactors, rows);
    return ratios;
  }

  async #multiplyColumns(linear: EditedLinear, factors: Float32Array): Promise<void> {
    await this.#change(linear, (part) => this.#options.ops.scaleColumns(part, factors));
    linear.columnFactors = product(linear.columnFactors, factors);
  }

  async #change(
    linear: EditedLinear,
    scale: (part: Tensor, start: number, count: number) => Promise<Tensor>,
  ): Promise<void> {
    if (linear.changed) {
      await mapRows(this.#options.ops, linear.weight, scale);
      return;
    }
    linear.weight = this.#own(await scale(linear.weight, 0, linear.info.shape[0]));
    linear.changed = true;
  }

  /** Keeps a tensor until the block is done. A call that nobody has waited for may come after that. */
  #own(tensor: Tensor): Tensor {
    if (!this.#stack.disposed) return this.#stack.use(tensor);
    tensor[Symbol.dispose]();
    throw new SalientError("plugin", `A fold of ${this.#block.name} ended after the block`);
  }

  /** Type in the checkpoint, else the tensor's own. */
  #storedType(name: string, tensor: Tensor | undefined): DType {
    return this.#options.model.checkpoint.entries.get(name)?.dtype ?? tensor?.dtype ?? "F32";
  }

  #find(set: ScaleSet): FoldableSet {
    const found = this.#sets.find((candidate) => candidate.set === set);
    if (found !== undefined) return found;
    throw new SalientError(
      "plugin",
      `Block ${this.#block.name} has no set ${set?.name}: use one of block.scaleSets`,
    );
  }

  async #runModule(
    ...[set, input, sequences, overrides]: Parameters<BlockView["runModule"]>
  ): Promise<Tensor> {
    const { module } = this.#find(set).set;
    if (module === undefined) {
      throw new SalientError("plugin", `Set ${set.name} has no module to run`);
    }
    const replaced = overrides === undefined ? {} : { overrides };
    return await this.current().runModule(module, input, { sequences, ...replaced });
  }

  #makeView(): BlockView {
    const block = this.#block;
    const views = new Map<string, LinearView>();
    for (const linear of this.linears.values()) {
      if (!this.#options.isQuantizable(linear.info.name)) continue;
      views.set(linear.info.name, viewLinear(linear, this.statisticsOf(linear.info), this.#lent));
    }
    return {
      index: block.index,
      name: block.name,
      linears: [...views.values()],
      scaleSets: this.#sets.map(({ set }) => set),
      linear(name) {
        const view = views.get(name);
        if (view !== undefined) return view;
        throw new SalientError("plugin", `Block ${block.name} has no linear ${name}`);
      },
      foldScales: (set, factors) => this.#during("foldScales", () => this.#fold(set, factors)),
      runModule: (set, ...run) => this.#during("runModule", () => this.#runModule(set, ...run)),
    };
  }
}

function product(total: Float32Array | undefined, factors: Float32Array): Float32Array {
  return total?.map((value, i) => value * (factors[i] ?? 1)) ?? factors.slice();
}
