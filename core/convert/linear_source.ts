/**
 * Where the integers of a conversion come from.
 *
 * @module
 */

import type { ActivationFormat } from "../activation_format.ts";
import { SalientError } from "../errors.ts";
import { recogniseFormat } from "../export/formats.ts";
import { storedActivation } from "../export/stored_activation.ts";
import type { StoredWeight } from "../export/types.ts";
import { GRID_BITS } from "../gguf/block_grid.ts";
import { GgufCheckpoint } from "../gguf/gguf_checkpoint.ts";
import { ggufWeight } from "../gguf/gguf_weight.ts";
import type { Model, StoredLinear } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";

/** A linear as integers. */
export interface SourceLinear {
  /** Its weight. The receiver disposes it. */
  readonly weight: StoredWeight;
  /** How its activations are quantized, where they are. */
  readonly activation: ActivationFormat | undefined;
  /** Whether these integers stand for exactly what the model stores. */
  readonly exact: boolean;
}

/** A model's quantized linears. */
export interface LinearSource {
  /** Name of the format they are in; `safetensors` or `gguf` where weights are plain numbers or blocks. */
  readonly name: string;
  /** The quantized linears in order, and what is known of them before they are read. */
  readonly linears: ReadonlyMap<LinearInfo, StoredLinear>;
  /** Reads one. */
  read(linear: LinearInfo): Promise<SourceLinear>;
}

/**
 * The quantized linears of a model.
 *
 * @param plain Whether what is written holds plain numbers, so that blocks of a GGUF file need not be integers.
 * @throws {SalientError} `input`, naming the linear, where a GGUF file has blocks on no grid.
 */
export function linearSource(model: Model, plain: boolean): LinearSource {
  const { checkpoint, backend } = model;
  const source = recogniseFormat(model.rawConfig);
  if (source !== undefined) {
    const { format, stored } = source;
    return {
      name: format.name,
      linears: collect(model, (linear) => model.quantization?.of(linear)),
      read: async (linear) => {
        const activation = await storedActivation(format, checkpoint, linear, stored, backend);
        const weight = await format.decode(checkpoint, linear, stored, backend);
        return { weight, activation, exact: true };
      },
    };
  }
  if (!(checkpoint instanceof GgufCheckpoint)) {
    return { name: "safetensors", linears: new Map(), read: refuse };
  }
  return {
    name: "gguf",
    linears: plain ? new Map() : collect(model, (linear) => blocksOf(checkpoint, linear)),
    read: (linear) =>
      Promise.resolve({ ...ggufWeight(checkpoint, linear, backend), activation: undefined }),
  };
}

function refuse(linear: LinearInfo): never {
  throw new SalientError("failed", `${linear.name} is plain`, { tensor: linear.name });
}

function collect(
  model: Model,
  of: (linear: LinearInfo) => StoredLinear | undefined,
): ReadonlyMap<LinearInfo, StoredLinear> {
  const found = new Map<LinearInfo, StoredLinear>();
  for (const linear of model.linears) {
    const stored = of(linear);
    if (stored !== undefined) found.set(linear, stored);
  }
  return found;
}

/** What the blocks of a linear are as a grid; undefined where it is stored as plain numbers. */
function blocksOf(checkpoint: GgufCheckpoint, linear: LinearInfo): StoredLinear | undefined {
  const blocks = checkpoint.entries.get(`${linear.name}.weight`)?.blocks;
  if (blocks === undefined) return undefined;
  const bits = GRID_BITS.get(blocks);
  if (bits !== undefined) return { bits, groupSize: 32, symmetric: blocks.endsWith("_0") };
  throw new SalientError(
    "input",
    `Linear ${linear.name} of ${checkpoint.directory} is stored in ${blocks} blocks, whose scales and minima no integer ` +
      `format holds (${
        [...GRID_BITS.keys()].join(", ")
      } may be converted): quantize it anew (salient quantize), or use ` +
      `--format dequantized`,
    { file: checkpoint.directory, tensor: linear.name },
  );
}
