/**
 * A block under a rotation.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { SalientError } from "../errors.ts";
import { replaceWeights } from "../model/decoder_block.ts";
import type { Block, BlockLinear, BlockNorm, Model } from "../model/model.ts";
import { castable } from "../pipeline/fold_factors.ts";
import type { Tensor } from "../tensor.ts";
import type { OrthogonalMatrix } from "./orthogonal_matrix.ts";
import type { Rotation } from "./rotation.ts";

/** A block that was rotated, and which of its tensors are new. */
export interface RotatedBlock {
  /** The block; disposing it frees the new tensors and the original block. */
  readonly block: Block;
  /** Roles of the linears whose weight is new. */
  readonly weights: ReadonlySet<string>;
  /** Roles of the linears whose bias is new. */
  readonly biases: ReadonlySet<string>;
  /** Roles of the norms that are new. */
  readonly norms: ReadonlySet<string>;
}

/**
 * The block that does in the rotated stream what `block` does in the plain one (QuaRot, Ashkboos et al. 2024,
 * section 3): each norm's weight goes into the columns of the linears that read it, W diag(g) R; linears that write
 * into the stream become R^T W, their biases b R. The values of each head turn by Q, and o's columns with them. New
 * weights are F32.
 *
 * @param block Its linears must be plain. It goes with the result.
 */
export async function rotateBlock(
  ops: Ops,
  model: Model,
  block: Block,
  rotation: Rotation,
): Promise<RotatedBlock> {
  using stack = new DisposableStack();
  stack.use(block);
  const changes = new BlockChanges(ops, block, stack);
  const { residual } = rotation;
  const heads = rotation.heads.get(block.index);
  if (residual !== undefined) await rotateStream(changes, model, residual);
  if (heads !== undefined) await rotateValues(changes, model, heads);
  const { linears, norms, weights, biases } = changes;
  const rotated = replaceWeights(block, { linears, norms, owned: [stack.move()] });
  return { block: rotated, weights, biases, norms: new Set(norms.keys()) };
}

/** The new tensors of a block. */
class BlockChanges {
  readonly ops: Ops;
  readonly block: Block;
  readonly linears = new Map<string, BlockLinear>();
  readonly norms = new Map<string, BlockNorm>();
  readonly weights = new Set<string>();
  readonly biases = new Set<string>();
  readonly #stack: DisposableStack;

  constructor(ops: Ops, block: Block, stack: DisposableStack) {
    this.ops = ops;
    this.block = block;
    this.#stack = stack;
  }

  linear(role: string): BlockLinear & { readonly weight: Tensor } {
    const linear = this.linears.get(role) ?? this.block.linears.get(role);
    if (linear === undefined || "packed" in linear.weight) {
      throw new SalientError("failed", `Block ${this.block.name} has no plain linear ${role}`);
    }
    return { ...linear, weight: linear.weight };
  }

  /** Puts a new weight in the place of the old one, which is freed if it was new too. */
  setWeight(role: string, weight: Tensor): void {
    const before = this.linear(role);
    this.#stack.use(weight);
    if (this.weights.has(role)) before.weight[Symbol.dispose]();
    this.linears.set(role, { ...before, weight });
    this.weights.add(role);
  }

  /** Replaces a bias [N] by what `change` makes of it as [rows, N / rows]. */
  async changeBias(
    role: string,
    rows: number,
    change: (bias: Tensor) => Promise<Tensor>,
  ): Promise<void> {
    const linear = this.linear(role);
    if (linear.bias === undefined) return;
    const { size } = linear.bias;
    using matrix = this.ops.reshape(linear.bias, [rows, size / rows]);
    using changed = await change(matrix);
    this.linears.set(role, {
      ...linear,
      bias: this.#stack.use(this.ops.reshape(changed, [size])),
    });
    this.biases.add(role);
  }

  setNorm(role: string, norm: BlockNorm): void {
    this.#stack.use(norm.weight);
    this.norms.set(role, norm);
  }
}

async function rotateStream(
  changes: BlockChanges,
  model: Model,
  rotation: OrthogonalMatrix,
): Promise<void> {
  const { ops, block } = changes;
  const { residual } = model.architecture.block(block.index);
  if (residual === undefined) throw new SalientError("failed", "The family has no residual");
  for (const { norm: role, linears } of residual.readers) {
    const norm = block.norms.get(role);
    if (norm === undefined) throw new SalientError("failed", `${block.name} has no norm ${role}`);
    const factors = ops.download(norm.weight).map((value) => value + (norm.spec.offset ?? 0));
    for (const linear of linears) {
      using scaled = await ops.scaleColumns(changes.linear(linear).weight, factors);
      changes.setWeight(linear, await rotation.apply(scaled));
    }
    const weight = await unitNorm(ops, norm.weight, norm.spec.offset ?? 0);
    changes.setNorm(role, { ...norm, weight });
  }
  for (const role of residual.writers) {
    changes.setWeight(role, await rotation.applyToRows(changes.linear(role).weight));
    await changes.changeBias(role, 1, (bias) => rotation.apply(bias));
  }
}

async function rotateValues(
  changes: BlockChanges,
  model: Model,
  rotation: OrthogonalMatrix,
): Promise<void> {
  const { ops, block } = changes;
  const { heads, kvHeads, headDim } = model.config;
  const { residual } = model.architecture.block(block.index);
  const { values, output } = residual ?? {};
  if (values === undefined || output === undefined) {
    throw new SalientError("failed", "The family has no values that can be rotated");
  }
  const { weight } = changes.linear(values);
  const turned = ops.zeros("F32", weight.shape);
  try {
    for (let head = 0; head < kvHeads; head++) {
      using rows = ops.rows(weight, head * headDim, headDim);
      using part = await rotation.applyToRows(rows);
      await ops.copyRows(part, turned, head * headDim);
    }
  } catch (error) {
    turned[Symbol.dispose]();
    throw error;
  }
  changes.setWeight(values, turned);
  await changes.changeBias(values, kvHeads, (bias) => rotation.apply(bias));
  const o = changes.linear(output).weight;
  const [outputs = 0] = o.shape;
  using wide = await ops.cast(o, "F32");
  using split = ops.reshape(wide, [outputs * heads, headDim]);
  using product = await rotation.apply(split);
  changes.setWeight(output, ops.reshape(product, o.shape));
}

/** A norm that multiplies by 1, in the type of the one given. */
export async function unitNorm(ops: Ops, norm: Tensor, offset: number): Promise<Tensor> {
  const ones = new Float32Array(norm.size).fill(1 - offset);
  using full = ops.upload(ones, "F32", [norm.size]);
  return await ops.cast(full, castable(norm.dtype));
}
