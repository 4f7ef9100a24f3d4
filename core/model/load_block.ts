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
import type { ModelConfig } from "./config.ts";
import { hasPlainWeight } from "./has_plain_weight.ts";
import { makeBlock } from "./decoder_block.ts";
import type { Family } from "./family.ts";
import type { Block, BlockLinear, BlockNorm } from "./model.ts";
import type { RopeCache } from "./rope_cache.ts";
import { linearShape, normLength } from "./shapes.ts";

/** What blocks are loaded from. */
export interface BlockSource {
  /** The open checkpoint. */
  readonly checkpoint: Checkpoint;
  /** The model's family. */
  readonly family: Family;
  /** The model's sizes. */
  readonly config: ModelConfig;
  /** Where the blocks run. */
  readonly backend: Backend;
  /** The model's rotary tables. */
  readonly rope: RopeCache;
  /** Reads a linear that is not stored plain; undefined if the checkpoint holds only plain ones. */
  readonly decode: ((info: LinearInfo) => Promise<DecodedLinear>) | undefined;
}

/** A linear that was not stored plain. */
export interface DecodedLinear {
  /** Its weight. */
  readonly weight: Weight;
  /** How its activations are quantized, where they are. */
  readonly activation: ActivationFormat | undefined;
}

const FLOATS: readonly DType[] = ["F64", "F32", "F16", "BF16", "F8_E4M3"];

/** Name of a block, for example `model.layers.0`. */
export function blockName(family: Family, index: number): string {
  return family.names.block.replace("{i}", String(index));
}

/** Every linear of the model's blocks, in order; their tensors must be there, shaped as they should be. */
export function listLinears(source: Omit<BlockSource, "rope">): LinearInfo[] {
  const linears: LinearInfo[] = [];
  for (let block = 0; block < source.config.blocks; block++) {
    for (const { role, path, site } of source.family.linears) {
      const name = `${blockName(source.family, block)}.${path}`;
      const shape = linearShape(source.config, role);
      const dtype = isPlain(source, name)
        ? checkTensor(source.checkpoint, `${name}.weight`, shape)
        : storedType(source.checkpoint, name);
      if (source.config.biases.includes(role)) {
        checkTensor(source.checkpoint, `${name}.bias`, [shape[0]]);
      }
      linears.push({ name, block, role, shape, dtype, site });
    }
    for (const { role, path } of source.family.norms) {
      const name = `${blockName(source.family, block)}.${path}.weight`;
      checkTensor(source.checkpoint, name, [normLength(source.config, role)]);
    }
  }
  return linears;
}

/** Loads one block: plain weights are views of the file, others are decoded and packed. */
export async function loadBlock(
  source: BlockSource,
  index: number,
  infos: readonly LinearInfo[],
): Promise<Block> {
  using opened = new DisposableStack();
  const linears = new Map<string, BlockLinear>();
  for (const info of infos) {
    const plain = isPlain(source, info.name);
    const { weight, activation } = plain || source.decode === undefined
      ? { weight: source.checkpoint.tensor(`${info.name}.weight`), activation: undefined }
      : await source.decode(info);
    opened.use(weight);
    const bias = source.config.biases.includes(info.role)
      ? opened.use(await loadBias(source, `${info.name}.bias`))
      : undefined;
    linears.set(info.role, { info, weight, bias, activation });
  }
  const name = blockName(source.family, index);
  const norms = new Map<string, BlockNorm>();
  for (const { role, path } of source.family.norms) {
    const weight = opened.use(source.checkpoint.tensor(`${name}.${path}.weight`));
    norms.set(role, { name: `${name}.${path}`, weight });
  }
  const { config, rope, backend: ops } = source;
  return makeBlock({ index, name, config, ops, rope, linears, norms, owned: [opened.move()] });
}

/**
 * Element type of a tensor that must be there with that shape and floating point numbers; an input
 * error that names it otherwise.
 */
export function checkTensor(
  checkpoint: Checkpoint,
  name: string,
  shape: readonly number[],
): DType {
  const entry = checkpoint.entries.get(name);
  const place = { file: checkpoint.directory, tensor: name };
  if (entry === undefined) {
    throw new SalientError(
      "input",
      `${checkpoint.directory} has no tensor ${name}, which its config.json calls for`,
      place,
    );
  }
  const fits = entry.shape.length === shape.length &&
    shape.every((length, axis) => entry.shape[axis] === length);
  if (!fits) {
    throw new SalientError(
      "input",
      `Tensor ${name} in ${checkpoint.directory} is [${entry.shape.join(", ")}], but its ` +
        `config.json makes it [${shape.join(", ")}]`,
      place,
    );
  }
  if (!FLOATS.includes(entry.dtype)) {
    throw new SalientError(
      "input",
      `Tensor ${name} in ${checkpoint.directory} is ${entry.dtype}, but must be floating point`,
      place,
    );
  }
  return entry.dtype;
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

async function loadBias(source: BlockSource, name: string): Promise<Tensor> {
  using stored = source.checkpoint.tensor(name);
  return await source.backend.cast(stored, "F32");
}
