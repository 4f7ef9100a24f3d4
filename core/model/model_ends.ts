/**
 * What a model does before its first block and after its last.
 *
 * @module
 */

import type { Backend, Weight } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { replaceTensor } from "./replace_tensor.ts";
import { applyNorm } from "./apply_norm.ts";
import type { Architecture, EndsLayout } from "./architecture.ts";
import { tiedEnds } from "./tied_ends.ts";
import { checkTensor } from "./check_tensor.ts";
import { loadNorm } from "./load_norm.ts";
import type { BlockNorm, EmbeddedRows } from "./model.ts";

/** Embedding and head of a model, with what stands around them. */
export class ModelEnds implements Disposable {
  readonly #backend: Backend;
  readonly #architecture: Architecture;
  readonly #directory: string;
  readonly #tensors: ReadonlyMap<keyof EndsLayout, Tensor>;
  readonly #norms: ReadonlyMap<keyof EndsLayout, BlockNorm>;
  readonly #owned: DisposableStack;
  #roundedScale: number | undefined;

  private constructor(
    backend: Backend,
    architecture: Architecture,
    directory: string,
    tensors: ReadonlyMap<keyof EndsLayout, Tensor>,
    norms: ReadonlyMap<keyof EndsLayout, BlockNorm>,
    owned: DisposableStack,
  ) {
    this.#backend = backend;
    this.#architecture = architecture;
    this.#directory = directory;
    this.#tensors = tensors;
    this.#norms = norms;
    this.#owned = owned;
  }

  /**
   * Checks that all that the layout names is there, and opens it.
   *
   * @throws {SalientError} `input`, naming the tensor.
   */
  static open(checkpoint: Checkpoint, architecture: Architecture, backend: Backend): ModelEnds {
    const { ends, config: { vocabSize, hiddenSize } } = architecture;
    const size = ends.embeddingSize ?? hiddenSize;
    const { embedding, head } = tiedEnds(architecture, checkpoint);
    using stack = new DisposableStack();
    const tensors = new Map<keyof EndsLayout, Tensor>();
    const norms = new Map<keyof EndsLayout, BlockNorm>();
    const expected: readonly [keyof EndsLayout, string | undefined, readonly number[]][] = [
      ["embedding", embedding, [vocabSize, size]],
      ["positions", ends.positions?.name, [ends.positions?.rows ?? 0, hiddenSize]],
      ["projectIn", ends.projectIn, [hiddenSize, size]],
      ["projectOut", ends.projectOut, [size, hiddenSize]],
      ["head", head, [vocabSize, size]],
      ["headBias", ends.headBias, [vocabSize]],
    ];
    for (const [part, name, shape] of expected) {
      if (name === undefined) continue;
      checkTensor(checkpoint, name, shape);
      tensors.set(part, stack.use(checkpoint.tensor(name)));
    }
    const bias = tensors.get("headBias");
    if (bias !== undefined) {
      const wide = backend.upload(backend.download(bias), "F32", bias.shape);
      tensors.set("headBias", stack.use(wide));
    }
    for (const part of ["embeddingNorm", "finalNorm"] as const) {
      const spec = ends[part];
      if (spec !== undefined) {
        norms.set(part, loadNorm(checkpoint, backend, spec, spec.path, stack));
      }
    }
    const owned = stack.move();
    return new ModelEnds(backend, architecture, checkpoint.directory, tensors, norms, owned);
  }

  /** [vocabSize, embeddingSize]. */
  get head(): Tensor {
    return this.#tensor("head");
  }

  /** Hidden states [ids, hiddenSize] F32 before the first block. */
  async embed(ids: Int32Array, { sequences = 1, start = 0 }: EmbeddedRows = {}): Promise<Tensor> {
    const { ends, config: { vocabSize } } = this.#architecture;
    const wrong = ids.find((id) => id < 0 || id >= vocabSize);
    if (wrong !== undefined) {
      throw new SalientError(
        "input",
        `Token ${wrong} is outside the ${vocabSize} rows of the embedding of ${this.#directory}: ` +
          `use the model's own tokenizer`,
        { file: this.#directory, tensor: ends.embedding },
      );
    }
    const backend = this.#backend;
    let hidden = await backend.embed(this.#tensor("embedding"), ids);
    const scale = await this.#embeddingScale();
    if (scale !== 1) {
      const factors = new Float32Array(hidden.shape[1] ?? 0).fill(scale);
      hidden = await replaceTensor(hidden, (x) => backend.scaleColumns(x, factors));
    }
    const projection = this.#tensors.get("projectIn");
    if (projection !== undefined) {
      hidden = await replaceTensor(hidden, (x) => backend.linear(x, projection));
    }
    if (ends.positions !== undefined) {
      try {
        using places = await this.#positions(ids.length, sequences, start);
        await backend.addInPlace(hidden, places);
      } catch (error) {
        hidden[Symbol.dispose]();
        throw error;
      }
    }
    const norm = this.#norms.get("embeddingNorm");
    return norm === undefined
      ? hidden
      : await replaceTensor(hidden, (x) => applyNorm(backend, x, norm));
  }

  /** Hidden states [T, embeddingSize] as the head takes them. */
  async finalNorm(hidden: Tensor): Promise<Tensor> {
    const backend = this.#backend;
    const norm = this.#norms.get("finalNorm");
    const projection = this.#tensors.get("projectOut");
    using normed = norm === undefined
      ? backend.reshape(hidden, hidden.shape)
      : await applyNorm(backend, hidden, norm);
    if (projection !== undefined) return await backend.linear(normed, projection);
    return backend.reshape(normed, normed.shape);
  }

  /** Logits [T, vocabSize] F32 of hidden states after the last block; `head` stands in for the model's own. */
  async logits(hidden: Tensor, head: Weight = this.head): Promise<Tensor> {
    const backend = this.#backend;
    const { logitScale = 1, logitSoftcap = 0 } = this.#architecture.ends;
    using normed = await this.finalNorm(hidden);
    const bias = this.#tensors.get("headBias");
    let logits = await backend.linear(normed, head, bias === undefined ? {} : { bias });
    if (logitScale !== 1) {
      const factors = new Float32Array(logits.shape[1] ?? 0).fill(logitScale);
      logits = await replaceTensor(logits, (x) => backend.scaleColumns(x, factors));
    }
    if (logitSoftcap > 0) await backend.softcap(logits, logitSoftcap);
    return logits;
  }

  /** Frees views and copies. */
  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #tensor(part: keyof EndsLayout): Tensor {
    const tensor = this.#tensors.get(part);
    if (tensor === undefined) throw new SalientError("failed", `The model has no ${part}`);
    return tensor;
  }

  /** What the embedding is multiplied by. */
  async #embeddingScale(): Promise<number> {
    const { embeddingScale = 1, embeddingScaleRounded = false } = this.#architecture.ends;
    const { dtype } = this.#tensor("embedding");
    if (!embeddingScaleRounded || (dtype !== "F16" && dtype !== "BF16")) return embeddingScale;
    if (this.#roundedScale !== undefined) return this.#roundedScale;
    using exact = this.#backend.upload(Float32Array.of(embeddingScale), "F32", [1]);
    using rounded = await this.#backend.cast(exact, dtype);
    return this.#roundedScale = this.#backend.download(rounded)[0] ?? embeddingScale;
  }

  /** Rows of the table of positions, for each sequence from `start` on. */
  async #positions(tokens: number, sequences: number, start: number): Promise<Tensor> {
    const { offset = 0, rows = 0 } = this.#architecture.ends.positions ?? {};
    const length = tokens / sequences;
    if (start + length + offset > rows) {
      throw new SalientError(
        "input",
        `Text needs ${start + length} positions but ${this.#directory} has ${rows - offset}: ` +
          `use shorter windows`,
        { file: this.#directory },
      );
    }
    const ids = Int32Array.from({ length: tokens }, (_, i) => start + i % length + offset);
    return await this.#backend.embed(this.#tensor("positions"), ids);
  }
}
