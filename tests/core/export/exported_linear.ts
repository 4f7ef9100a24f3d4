/**
 * Random quantized weights, and checkpoints that hold them.
 *
 * @module
 */

import type { AffineGrid, Backend, QuantizedWeight } from "../../../core/backend.ts";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import type { Checkpoint, JsonObject } from "../../../core/checkpoint/types.ts";
import type { ExportedLinear } from "../../../core/export/types.ts";
import type { StoredQuantization } from "../../../core/model/model.ts";
import { uniformQuantization } from "../../../core/model/uniform_quantization.ts";
import type { LinearInfo } from "../../../core/plugin.ts";
import type { DType } from "../../../core/tensor.ts";

/** A linear [N, K] called `l`. */
export function linear(outputs: number, inputs: number): LinearInfo {
  return {
    name: "l",
    block: 0,
    role: "q",
    shape: [outputs, inputs],
    dtype: "F32",
    site: "attention",
  };
}

/** A grid with the defaults of the command. */
export function grid(change: Partial<AffineGrid> = {}): AffineGrid {
  const defaults = { bits: 4, groupSize: 8, symmetric: false } as const;
  return { ...defaults, scaleDtype: "F16", range: "minmax", ...change };
}

/** What `awq-gemm` reads of a checkpoint with these bits and groups. */
export function storedAs(bits: number, groupSize: number): StoredQuantization {
  return uniformQuantization("awq-gemm", { bits, groupSize, symmetric: false });
}

/** Linears of these shapes, called l0, l1 and so on, on a grid. */
export function exported(
  grid: AffineGrid,
  ...shapes: readonly (readonly [number, number])[]
): ReadonlyMap<string, ExportedLinear> {
  return new Map(shapes.map((shape, index) => {
    const info = { ...linear(...shape), name: `l${index}` };
    const groupSize = grid.groupSize === -1 ? shape[1] : grid.groupSize;
    return [info.name, { info, grid: { ...grid, groupSize } }];
  }));
}

/** A quantized weight made of the numbers given. */
export function weightOf(
  backend: Backend,
  grid: AffineGrid,
  [outputs, inputs]: readonly [number, number],
  codes: ArrayLike<number>,
  scales: ArrayLike<number>,
  zeros: ArrayLike<number>,
): QuantizedWeight {
  const groups = inputs / grid.groupSize;
  const tensors = {
    codes: backend.upload(Uint8Array.from(codes), "U8", [outputs, inputs]),
    scales: backend.upload(Float32Array.from(scales), "F32", [outputs, groups]),
    zeros: backend.upload(Uint8Array.from(zeros), "U8", [outputs, groups]),
  };
  return {
    grid,
    ...tensors,
    [Symbol.dispose]() {
      for (const tensor of Object.values(tensors)) tensor[Symbol.dispose]();
    },
  };
}

/** A quantized weight of random integers and fp16 scales. */
export function randomWeight(
  backend: Backend,
  grid: AffineGrid,
  [outputs, inputs]: readonly [number, number],
): QuantizedWeight {
  const levels = 2 ** grid.bits;
  const integers = (count: number): number[] =>
    Array.from({ length: count }, () => Math.floor(Math.random() * levels));
  const groups = outputs * inputs / grid.groupSize;
  const scales = Array.from({ length: groups }, () => Math.f16round(Math.random() * 0.1 + 1e-3));
  const shape = [outputs, inputs] as const;
  return weightOf(backend, grid, shape, integers(outputs * inputs), scales, integers(groups));
}

/** A tensor to be written: type, shape, bytes. */
export type RawTensor = readonly [DType, readonly number[], ArrayBufferView];

/** Writes a checkpoint with these tensors, opens it and hands it to `use`. */
export async function withCheckpoint(
  backend: Backend,
  tensors: Readonly<Record<string, RawTensor>>,
  config: JsonObject,
  use: (checkpoint: Checkpoint) => Promise<void>,
): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "salient-test-" });
  try {
    await using writer = await createCheckpointWriter(`${parent}/out`);
    for (const [name, [dtype, shape, data]] of Object.entries(tensors)) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      await writer.add(name, dtype, shape, bytes);
    }
    await writer.json("config.json", config);
    await writer.commit();
    using checkpoint = await openCheckpoint(`${parent}/out`, backend);
    await use(checkpoint);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}
