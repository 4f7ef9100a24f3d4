/**
 * Random quantized weights, and checkpoints that hold them.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { AffineGrid, Backend, QuantizedWeight } from "../../../core/backend.ts";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import type { Checkpoint, JsonObject } from "../../../core/checkpoint/types.ts";
import type { ExportedLinear } from "../../../core/export/types.ts";
import type { StoredQuantization } from "../../../core/model/model.ts";
import { uniformQuantization } from "../../../core/model/uniform_quantization.ts";
import type { ExportFormat } from "../../../core/export/types.ts";
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

/** What `encode` gives, as bytes by name, for a linear called `l`. */
export async function encoded(
  format: ExportFormat,
  weight: QuantizedWeight,
  backend: Backend,
): Promise<Record<string, RawTensor>> {
  const tensors: Record<string, RawTensor> = {};
  for (const { suffix, dtype, tensor } of await format.encode(weight, backend)) {
    assert.equal(tensor.dtype, dtype);
    tensors[`l${suffix}`] = [dtype, tensor.shape, backend.downloadBytes(tensor)];
    tensor[Symbol.dispose]();
  }
  return tensors;
}

/** An I32 tensor's words. */
export function wordsOf(tensor: RawTensor | undefined): Uint32Array {
  assert.equal(tensor?.[0], "I32");
  return new Uint32Array(tensor[2].buffer.slice(0));
}

/** Asserts that two quantized weights hold the same, bit for bit. */
export function assertSameWeight(
  read: QuantizedWeight,
  weight: QuantizedWeight,
  backend: Backend,
): void {
  for (const part of ["codes", "scales", "zeros"] as const) {
    assert.equal(read[part].dtype, weight[part].dtype);
    assert.deepEqual(read[part].shape, weight[part].shape);
    assert.deepEqual(backend.downloadBytes(read[part]), backend.downloadBytes(weight[part]));
  }
}

/** Asserts that rows [N][K] are `(q - zero) * scale` of a weight. */
export function assertMeans(
  rows: (n: number, k: number) => number,
  weight: QuantizedWeight,
  backend: Backend,
): void {
  const [outputs = 0, inputs = 0] = weight.codes.shape;
  const codes = backend.downloadBytes(weight.codes);
  const scales = backend.download(weight.scales);
  const zeros = backend.downloadBytes(weight.zeros);
  const { groupSize } = weight.grid;
  for (let n = 0; n < outputs; n++) {
    for (let k = 0; k < inputs; k++) {
      const group = n * (inputs / groupSize) + Math.floor(k / groupSize);
      const value = (codes[n * inputs + k]! - zeros[group]!) * scales[group]!;
      assert.equal(rows(n, k), value, `row ${n}, input ${k}`);
    }
  }
}

/**
 * Bits `start` to `start + bits` of a row of 32-bit words, read one by one: slow, plain, and nothing like
 * the way they were packed.
 */
export function bitsAt(words: (index: number) => number, start: number, bits: number): number {
  let value = 0;
  for (let bit = 0; bit < bits; bit++) {
    const at = start + bit;
    const set = (words(Math.floor(at / 32)) >>> (at % 32)) & 1;
    value += set * 2 ** bit;
  }
  return value;
}
