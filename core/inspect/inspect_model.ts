/**
 * Says what a checkpoint is, linear by linear.
 *
 * @module
 */

import type { ActivationFormat } from "../activation_format.ts";
import type { Model } from "../model/model.ts";
import { sizeOf } from "../tensor.ts";
import { isOrdered } from "./is_ordered.ts";
import { storedFormat } from "./stored_format.ts";

/** One linear of a report. */
export interface InspectedLinear {
  /** Full name without `.weight`. */
  readonly name: string;
  /** [out, in]. */
  readonly shape: readonly [number, number];
  /** Element type of a plain weight, the blocks of one in a GGUF file, or the format of a quantized one. */
  readonly stored: string;
  /** Bits of a stored integer; bits of the element type where it is plain. */
  readonly bits: number;
  /** Inputs that share a scale; null where it is plain. */
  readonly groupSize: number | null;
  /** Whether its groups are not of neighbouring inputs (act-order, `desc_act`). */
  readonly ordered: boolean;
  /** How its inputs are rounded at run time; null where they are not. A fixed scale is not told. */
  readonly activation: ActivationFormat | null;
  /** Bytes of everything stored for it. */
  readonly bytes: number;
}

/** What a checkpoint is. */
export interface Inspection {
  /** Its directory. */
  readonly model: string;
  /** `safetensors` where all is plain, `gguf`, else the format of the quantized linears. */
  readonly format: string;
  /** Bits of the quantized linears; null where they differ or there are none. */
  readonly bits: number | null;
  /** Group size of the quantized linears, -1 for whole rows; null as for `bits`. */
  readonly groupSize: number | null;
  /** Family of the architecture. */
  readonly family: string;
  /** Number of blocks. */
  readonly blocks: number;
  /** Parameters as the model counts them: every weight once, scales and zero points not at all. */
  readonly parameters: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** Bytes outside the blocks' linears: embeddings, head, norms, biases. */
  readonly otherBytes: number;
  /** Bits for each weight of the blocks' linears, scales and zero points included. */
  readonly bitsPerWeight: number;
  /** The blocks' linears. */
  readonly linears: readonly InspectedLinear[];
}

/**
 * Says what a checkpoint is: family, format, bits, groups and sizes.
 *
 * @example The embedded model
 * ```ts
 * import { inspectModel, openBackend, openModel } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = await openBackend("auto");
 * using model = await openModel("models/salient-tiny", backend);
 * const { family, format, linears } = inspectModel(model);
 * assert.deepEqual([family, format, linears.length], ["llama", "safetensors", 35]);
 * ```
 */
export function inspectModel(model: Model): Inspection {
  const { entries } = model.checkpoint;
  const quantized = model.quantization;
  const names = new Set(model.linears.map((linear) => linear.name));
  const bytesOf = new Map<string, number>();
  let otherParameters = 0;
  for (const entry of entries.values()) {
    const owner = ownerOf(entry.name);
    if (names.has(owner)) bytesOf.set(owner, (bytesOf.get(owner) ?? 0) + entry.byteLength);
    else otherParameters += sizeOf(entry.shape);
  }
  const linears = model.linears.map((linear): InspectedLinear => {
    const stored = quantized?.of(linear);
    const plain = entries.get(`${linear.name}.weight`);
    const bytes = bytesOf.get(linear.name) ?? 0;
    const weights = linear.shape[0] * linear.shape[1];
    return {
      name: linear.name,
      shape: linear.shape,
      stored: stored === undefined
        ? (plain?.blocks ?? plain?.dtype ?? linear.dtype)
        : quantized?.format ?? "",
      bits: stored?.bits ?? (bytes * 8) / weights,
      groupSize: stored?.groupSize ?? null,
      ordered: isOrdered(model, linear),
      activation: stored?.activation ?? null,
      bytes,
    };
  });
  const linearBytes = linears.reduce((sum, linear) => sum + linear.bytes, 0);
  const weights = linears.reduce((sum, { shape: [n, k] }) => sum + n * k, 0);
  return {
    model: model.directory,
    format: storedFormat(model),
    bits: quantized?.bits ?? null,
    groupSize: quantized?.groupSize ?? null,
    family: model.family.name,
    blocks: model.config.blocks,
    parameters: weights + otherParameters,
    bytes: model.checkpoint.byteLength,
    otherBytes: model.checkpoint.byteLength - linearBytes,
    bitsPerWeight: weights === 0 ? 0 : (linearBytes * 8) / weights,
    linears,
  };
}

/** The linear whose weight a tensor would be a part of; a bias is not part of a weight. */
function ownerOf(name: string): string {
  return name.endsWith(".bias") ? name : name.slice(0, name.lastIndexOf("."));
}
