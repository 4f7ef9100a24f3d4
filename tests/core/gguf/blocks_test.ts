import assert from "node:assert/strict";
import fc from "fast-check";
import { blockType } from "../../../core/gguf/block_type.ts";
import { dequantizeBlocks } from "../../../core/gguf/dequantize_blocks.ts";
import { encodeBlocks } from "../../../core/gguf/encode_blocks.ts";
import { ggmlBytes } from "../../../core/gguf/ggml_type.ts";
import type { GgmlType } from "../../../core/gguf/ggml_type.ts";

/** Bytes of a row. */
function encoded(
  type: GgmlType,
  codes: readonly number[],
  scales: readonly number[],
  zeros: readonly number[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ggmlBytes(type, codes.length));
  const groupSize = codes.length / scales.length;
  const row = { scales: Float32Array.from(scales), zeros: Uint8Array.from(zeros), groupSize };
  encodeBlocks(type, { ...row, codes: Uint8Array.from(codes) }, bytes, 0);
  return bytes;
}

const ramp = Array.from({ length: 32 }, (_, i) => i % 16);

Deno.test("encodeBlocks() writes bytes that can be worked out by hand", () => {
  // Value j is in the low half of byte j, value j + 16 in the high one; 1 is 0x3c00, 0.5 is 0x3800.
  const halves = Array.from({ length: 16 }, (_, j) => j * 0x11);
  assert.deepEqual([...encoded("Q4_0", ramp, [1], [8])], [0x00, 0x3c, ...halves]);
  // m = -2 * 0.5 = -1 is 0xbc00.
  assert.deepEqual([...encoded("Q4_1", ramp, [0.5], [2])], [0x00, 0x38, 0x00, 0xbc, ...halves]);
  const eight = encoded("Q8_0", ramp.map((q) => q + 120), [1], [128]);
  assert.deepEqual([...new Int8Array(eight.buffer).subarray(2, 6)], [-8, -7, -6, -5]);
  // d and e, then scales 1, minima 3, and both of the last four parts in one byte each.
  const super256 = encoded("Q4_K", Array.from({ length: 256 }, (_, i) => i >> 5), [1], [3]);
  assert.deepEqual([...super256.subarray(0, 4)], [0x00, 0x3c, 0x00, 0x3c]);
  assert.deepEqual([...super256.subarray(4, 16)], [1, 1, 1, 1, 3, 3, 3, 3, 0x31, 0x31, 0x31, 0x31]);
  assert.deepEqual([...super256.subarray(16, 48)], new Array(32).fill(0x10));
  assert.deepEqual([...super256.subarray(112, 144)], new Array(32).fill(0x76));
});

Deno.test("a symmetric grid of fewer bits comes to lie around 8 in Q4_0", () => {
  const values = dequantizeBlocks("Q4_0", encoded("Q4_0", ramp.map((q) => q % 8), [0.25], [4]));
  assert.deepEqual([...values.subarray(0, 8)], [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75]);
});

/** Value k of the blocks, from nothing but ggml's description of the type. */
function plainly(type: GgmlType, bytes: Uint8Array<ArrayBuffer>, k: number): number {
  const view = new DataView(bytes.buffer);
  const perBlock = type === "Q4_K" ? 256 : 32;
  const at = Math.floor(k / perBlock) * ggmlBytes(type, perBlock);
  const [i, d] = [k % perBlock, view.getFloat16(at, true)];
  const nibble = (offset: number): number =>
    (i < 16 ? bytes[at + offset + i]! : bytes[at + offset + i - 16]! >> 4) % 16;
  if (type === "Q4_0") return (nibble(2) - 8) * d;
  if (type === "Q8_0") return view.getInt8(at + 2 + i) * d;
  const m = view.getFloat16(at + 2, true);
  if (type === "Q4_1") return Math.fround(nibble(4) * d + m);
  const [part, packed] = [i >> 5, bytes.subarray(at + 4, at + 16)];
  // The twelve bytes as their description has them: six bits a piece, the last four scales and minima in two places.
  const scale = part < 4
    ? packed[part]! % 64
    : packed[part + 4]! % 16 + 16 * Math.floor(packed[part - 4]! / 64);
  const minimum = part < 4
    ? packed[part + 4]! % 64
    : Math.floor(packed[part + 4]! / 16) + 16 * Math.floor(packed[part]! / 64);
  const byte = bytes[at + 16 + (part >> 1) * 32 + i % 32]!;
  const q = part % 2 === 0 ? byte % 16 : byte >> 4;
  return Math.fround(d * scale * q - m * minimum);
}

Deno.test("dequantizeBlocks() reads any bytes as ggml's description has them", () => {
  const cases = fc.record({
    type: fc.constantFrom<GgmlType>("Q4_0", "Q4_1", "Q8_0", "Q4_K"),
    blocks: fc.integer({ min: 1, max: 3 }),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(cases, ({ type, blocks, seed }) => {
      const perBlock = type === "Q4_K" ? 256 : 32;
      const bytes = Uint8Array.from(
        { length: ggmlBytes(type, blocks * perBlock) },
        (_, i) => Math.imul(seed ^ i, 0x9e3779b1) >>> 24,
      );
      // Scales that are finite.
      const stride = ggmlBytes(type, perBlock);
      for (let block = 0; block < blocks; block++) {
        bytes[block * stride + 1]! &= 0xbb;
        if (type !== "Q4_0" && type !== "Q8_0") bytes[block * stride + 3]! &= 0xbb;
      }
      const values = dequantizeBlocks(type, bytes);
      for (const [k, value] of values.entries()) assert.equal(value, plainly(type, bytes, k));
    }),
    { numRuns: 100 },
  );
});

Deno.test("blocks mean the grid's values: exactly, but for the minimum of Q4_1", () => {
  const cases = fc.record({
    bits: fc.integer({ min: 2, max: 8 }),
    groupSize: fc.constantFrom(32, 64, 128, 256, 512),
    symmetric: fc.boolean(),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(cases, ({ bits, groupSize, symmetric, seed }) => {
      const type = blockType({ bits, groupSize, symmetric });
      if (type === undefined) return assert.ok(bits === 8 && !symmetric);
      const random = (i: number, most: number): number =>
        (Math.imul(seed + i, 0x9e3779b1) >>> 8) % most;
      const codes = Array.from({ length: 512 }, (_, i) => random(i, 2 ** bits));
      const groups = 512 / groupSize;
      const scales = Array.from({ length: groups }, (_, g) => Math.f16round(1e-3 + g * 0.0137));
      const zeros = Array.from(
        { length: groups },
        (_, g) => symmetric ? 2 ** (bits - 1) : random(7 * g, 2 ** bits),
      );
      const values = dequantizeBlocks(type, encoded(type, codes, scales, zeros));
      for (const [k, value] of values.entries()) {
        const group = Math.floor(k / groupSize);
        const [scale, zero] = [scales[group]!, zeros[group]!];
        const exact = (codes[k]! - zero) * scale;
        const allowed = type === "Q4_1" ? zero * scale * 2 ** -11 + 1e-9 : 0;
        assert.ok(Math.abs(value - exact) <= allowed, `${type}: ${value} for ${exact}`);
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("blockType() has no blocks for groups that are not multiples of 32", () => {
  for (const groupSize of [1, 8, 16, 24, 48]) {
    assert.equal(blockType({ bits: 4, groupSize, symmetric: false }), undefined);
  }
  assert.equal(blockType({ bits: 8, groupSize: 32, symmetric: false }), undefined);
});
