/**
 * Makes blocks from a checkpoint's tensors.
 *
 * @module
 */

import type { Backend, Weight } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import type { DType, Tensor } from "../tensor.ts";
import type { Architecture } from "./architecture.ts";
import { checkTensor } from "./check_tensor.ts";
import { makeBlock } from "./decoder_block.ts";
import { hasPlainWeight } from "./has_plain_weight.ts";
import type { BlockLayout, LinearSpec } from "./layout.ts";
import { checkNorm, loadNorm } from "./load_norm.ts";
import { loadWeight } from "./load_weight.ts";
import type { Block, BlockLinear, BlockNorm } from "./model.ts";
import type { RopeCache } from "./rope_cache.ts";

/** What blocks are loaded from. */
export interface BlockSource {
  /** The open checkpoint. */
  readonly checkpoint: Checkpoint;
  /** The model's structure. */
  readonly architecture: Architecture;
  /** Where the blocks run. */
  readonly backend: Backend;
  /** The model's rotary tables by name. */
  readonly ropes: ReadonlyMap<string, RopeCache>;
  /** Reads a linear that is not stored plain; undefined if the checkpoint holds only plain ones. */
  readonly decode: ((info: LinearInfo) => Promise<DecodedLinear>) | undefined;
}

/** A linear that was not stored plain. */
export interface DecodedLinear {
  /** Its weight. */
  readonly weight: Weight;
  /** How its activations are quantized, where they are. */
  readonly activation: ActivationFormat | undefined;
  /** The input at each column of the weight, where those are in another order. */
  readonly inputOrder: Int32Array | undefined;
}

/** Every linear of the model's blocks, in order; all tensors must be there, shaped as they should be. */
export function listLinears(source: Omit<BlockSource, "ropes">): LinearInfo[] {
  const { architecture, checkpoint } = source;
  const linears: LinearInfo[] = [];
  for (let index = 0; index < architecture.config.blocks; index++) {
    const layout = architecture.block(index);
    for (const spec of layout.linears) {
      const info = infoOf(source, layout, spec, index);
      if (spec.bias === true) checkTensor(checkpoint, `${info.name}.bias`, [spec.shape[0]]);
      linears.push(info);
    }
    for (const spec of layout.norms) checkNorm(checkpoint, spec, `${layout.name}.${spec.path}`);
    const correction = correctionOf(layout);
    if (correction !== undefined) checkTensor(checkpoint, correction.name, correction.shape);
  }
  return linears;
}

function infoOf(
  source: Omit<BlockSource, "ropes">,
  layout: BlockLayout,
  spec: LinearSpec,
  block: number,
): LinearInfo {
  const name = `${layout.name}.${spec.path}`;
  const { role, site, shape, expert, plain, transposed } = spec;
  const stored = transposed === true ? [shape[1], shape[0]] : shape;
  const dtype = isPlain(source, name)
    ? checkTensor(source.checkpoint, `${name}.weight`, stored)
    : storedType(source.checkpoint, name);
  return {
    name,
    block,
    role,
    shape,
    dtype,
    site,
    ...(expert === undefined ? {} : { expert }),
    ...(plain === true ? { plain } : {}),
    ...(transposed === true ? { transposed } : {}),
  };
}

/**
 * Loads one block: plain weights are views of the file, others are decoded and packed.
 *
 * @param infos Its linears, in the order of its layout.
 */
export async function loadBlock(
  source: BlockSource,
  index: number,
  infos: readonly LinearInfo[],
): Promise<Block> {
  const { checkpoint, backend: ops, ropes } = source;
  const layout = source.architecture.block(index);
  using opened = new DisposableStack();
  const linears = new Map<string, BlockLinear>();
  for (const [i, spec] of layout.linears.entries()) {
    const info = infos[i];
    if (info === undefined) throw new SalientError("failed", `No ${spec.path} in ${layout.name}`);
    const plain = isPlain(source, info.name);
    const { weight, activation, inputOrder } = plain || source.decode === undefined
      ? plainLinear(loadWeight(checkpoint, ops, info))
      : await source.decode(info);
    opened.use(weight);
    const bias = spec.bias === true
      ? opened.use(await loadBias(source, `${info.name}.bias`))
      : undefined;
    linears.set(spec.key, { info, weight, bias, activation, inputOrder });
  }
  const norms = new Map<string, BlockNorm>();
  for (const spec of layout.norms) {
    norms.set(spec.role, loadNorm(checkpoint, ops, spec, `${layout.name}.${spec.path}`, opened));
  }
  const correction = readCorrection(source, layout);
  const owned = [opened.move()];
  return makeBlock({ index, layout, ops, ropes, linears, norms, correction, owned });
}

function plainLinear(weight: Tensor): DecodedLinear {
  return { weight, activation: undefined, inputOrder: undefined };
}

/** Whether a linear is stored as a floating point weight. */
function isPlain(source: Pick<BlockSource, "checkpoint" | "decode">, name: string): boolean {
  return source.decode === undefined || hasPlainWeight(source.checkpoint, name);
}

/** Element type of the integers that stand for a linear's weight. */
function storedType(checkpoint: Checkpoint, name: string): DType {
  for (const suffix of [".qweight", ".weight_packed", ".weight"]) {
    const entry = checkpoint.entries.get(name + suffix);
    if (entry !== undefined) return entry.dtype;
  }
  throw new SalientError(
    "input",
    `${checkpoint.directory} has neither a plain nor a quantized weight for ${name}`,
    { file: checkpoint.directory, tensor: name },
  );
}

/** The tensor that is added to a router's scores, if the block has one. */
function correctionOf(
  { name, mlp }: BlockLayout,
): { readonly name: string; readonly shape: readonly number[] } | undefined {
  const path = mlp.kind === "experts" ? mlp.router.correction : undefined;
  if (mlp.kind !== "experts" || path === undefined) return undefined;
  return { name: `${name}.${path}`, shape: [mlp.count] };
}

function readCorrection(source: BlockSource, layout: BlockLayout): Float32Array | undefined {
  const correction = correctionOf(layout);
  if (correction === undefined) return undefined;
  using tensor = source.checkpoint.tensor(correction.name);
  return source.backend.download(tensor);
}

async function loadBias(source: BlockSource, name: string): Promise<Tensor> {
  using stored = source.checkpoint.tensor(name);
  return await source.backend.cast(stored, "F32");
}
