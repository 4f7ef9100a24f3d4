/**
 * Keeps quantized blocks in memory.
 *
 * @module
 */

import type { Ops, PackedWeight, QuantizedWeight } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { replaceWeights } from "../model/decoder_block.ts";
import type { Block, BlockLinear, BlockNorm, Model, StoredQuantization } from "../model/model.ts";
import type { ActivationFormat } from "../plugin.ts";
import { withBlocks } from "../model/with_blocks.ts";
import { RotatedModel } from "../rotation/rotated_model.ts";
import { DTYPE_BYTES, type Tensor } from "../tensor.ts";
import type { BlockEditor } from "./block_editor.ts";
import type { EditedLinear } from "./edited_linear.ts";
import type { BlockSink } from "./block_sink.ts";
import { castable } from "./fold_factors.ts";

/** What is kept of a block: the parts that are not the original's, linears by name and norms by role. */
interface KeptBlock {
  readonly weights: Map<string, Tensor | PackedWeight>;
  readonly activations: Map<string, ActivationFormat>;
  readonly biases: Map<string, Tensor>;
  readonly norms: Map<string, BlockNorm>;
}

/** Keeps packed linears and folded norms and biases, and makes a model of them. */
export class MemorySink implements BlockSink {
  /** No folder of its own: a temporary file goes where the system keeps them. */
  readonly temporary = undefined;
  readonly #model: Model;
  readonly #ops: Ops;
  readonly #stack = new DisposableStack();
  readonly #blocks = new Map<number, KeptBlock>();
  #byteLength: number;
  #taken = false;

  /** Keeps blocks of `model`, which must outlive what is made of them. */
  constructor(model: Model, ops: Ops) {
    this.#model = model;
    this.#ops = ops;
    const added = model instanceof RotatedModel ? model.addedBytes : 0;
    this.#byteLength = model.checkpoint.byteLength + added;
  }

  /**
   * Bytes of the checkpoint that the model would be: 4-bit containers for up to 4 bits and bytes
   * for more, the scales in their type, zero points like codes, and everything else as it was.
   */
  get byteLength(): number {
    return this.#byteLength;
  }

  async addLinear(
    { info }: EditedLinear,
    weight: QuantizedWeight,
    activation?: ActivationFormat,
  ): Promise<void> {
    const packed = this.#stack.use(await this.#ops.pack(weight));
    this.#kept(info.block).weights.set(info.name, packed);
    if (activation !== undefined) this.#kept(info.block).activations.set(info.name, activation);
    const container = weight.grid.bits <= 4 ? 0.5 : 1;
    const plain = this.#model.checkpoint.entries.get(`${info.name}.weight`)?.byteLength ?? 0;
    this.#byteLength += Math.ceil((weight.codes.size + weight.zeros.size) * container) +
      weight.scales.size * DTYPE_BYTES[weight.grid.scaleDtype] - plain;
  }

  async finishBlock(editor: BlockEditor, quantized: ReadonlySet<string>): Promise<void> {
    const kept = this.#kept(editor.view.index);
    for (const [role, { info, weight, changed, bias, biasChanged }] of editor.linears) {
      if (changed && !quantized.has(role)) {
        kept.weights.set(info.name, await this.#copy(weight, castable(info.dtype)));
      }
      if (biasChanged && bias !== undefined) {
        kept.biases.set(info.name, await this.#copy(bias, "F32"));
      }
    }
    for (const [role, norm] of editor.norms) {
      if (!editor.isNormChanged(role)) continue;
      const weight = await this.#copy(norm.weight, castable(norm.weight.dtype));
      const bias = norm.bias && await this.#copy(norm.bias, castable(norm.bias.dtype));
      kept.norms.set(role, { ...norm, weight, ...(bias === undefined ? {} : { bias }) });
    }
  }

  /** The model of the kept blocks; its disposal frees them, and `alsoOwned` after them. */
  takeModel(quantization: StoredQuantization, alsoOwned?: Disposable): Model {
    if (this.#taken) throw new SalientError("failed", "The model was taken already");
    this.#taken = true;
    const [model, blocks] = [this.#model, this.#blocks];
    // What is rotated of a block was kept, so that the rest can come from the original.
    const source = model instanceof RotatedModel ? model.source : model;
    const stack = new DisposableStack();
    if (alsoOwned !== undefined) stack.use(alsoOwned);
    stack.use(this.#stack);
    return {
      ...withBlocks(model, async (index) => {
        const block = await source.loadBlock(index);
        const kept = blocks.get(index);
        return kept === undefined ? block : assemble(block, kept);
      }),
      quantization,
      [Symbol.dispose]: () => stack.dispose(),
    };
  }

  /** Frees the blocks if no model was made of them. */
  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#taken) this.#stack.dispose();
    return Promise.resolve();
  }

  #kept(index: number): KeptBlock {
    const found = this.#blocks.get(index);
    if (found !== undefined) return found;
    const kept = {
      weights: new Map(),
      activations: new Map(),
      biases: new Map(),
      norms: new Map(),
    };
    this.#blocks.set(index, kept);
    return kept;
  }

  async #copy(tensor: Tensor, dtype: "F32" | "F16" | "BF16"): Promise<Tensor> {
    return this.#stack.use(await this.#ops.cast(tensor, dtype));
  }
}

/** The original block with what was kept in place of its own parts. */
function assemble(block: Block, kept: KeptBlock): Block {
  const linears = new Map<string, BlockLinear>();
  for (const [role, { info, weight, bias }] of block.linears) {
    linears.set(role, {
      info,
      weight: kept.weights.get(info.name) ?? weight,
      bias: kept.biases.get(info.name) ?? bias,
      activation: kept.activations.get(info.name),
    });
  }
  return replaceWeights(block, { linears, norms: kept.norms, owned: [block] });
}
