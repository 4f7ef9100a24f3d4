/**
 * Values of ggml's blocks.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { GGML_TYPES, type GgmlType } from "./ggml_type.ts";

/**
 * The values of whole blocks, bit for bit those of ggml's `dequantize_row_*`. Little-endian, d and m fp16:
 *
 * | type | block | value |
 * |---|---|---|
 * | Q4_0 | d, 16 bytes: value j in the low, j + 16 in the high half of byte j | `(q - 8) d` |
 * | Q4_1 | d, m, 16 bytes likewise | `q d + m` |
 * | Q8_0 | d, 32 signed bytes | `q d` |
 * | Q4_K | d, e, 12 bytes of eight 6-bit scales s and minima t, 128 bytes: 64 values at a time, the first 32 in the low halves | `(d s) q - (e t)` |
 */
export function dequantizeBlocks(
  type: GgmlType,
  bytes: Uint8Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  const { values: perBlock, bytes: stride } = GGML_TYPES[type];
  const blocks = bytes.length / stride;
  if (!Number.isInteger(blocks)) {
    throw new SalientError("failed", `${bytes.length} bytes are not whole blocks of ${type}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = new Float32Array(blocks * perBlock);
  const read = READERS[type];
  for (let block = 0; block < blocks; block++) {
    read(view, block * stride, values, block * perBlock);
  }
  return values;
}

type Reader = (view: DataView, at: number, values: Float32Array, target: number) => void;

const READERS: Readonly<Record<GgmlType, Reader>> = {
  F32: (view, at, values, target) => void (values[target] = view.getFloat32(at, true)),
  F16: (view, at, values, target) => void (values[target] = view.getFloat16(at, true)),
  BF16: readBf16,
  Q4_0: readQ4_0,
  Q4_1: readQ4_1,
  Q8_0: readQ8_0,
  Q4_K: readQ4_K,
};

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

function readBf16(view: DataView, at: number, values: Float32Array, target: number): void {
  bits[0] = view.getUint16(at, true) << 16;
  values[target] = float[0]!;
}

function readQ4_0(view: DataView, at: number, values: Float32Array, target: number): void {
  const d = view.getFloat16(at, true);
  for (let j = 0; j < 16; j++) {
    const byte = view.getUint8(at + 2 + j);
    values[target + j] = ((byte & 15) - 8) * d;
    values[target + j + 16] = ((byte >> 4) - 8) * d;
  }
}

// q d is exact in fp32 (4 and 11 bits), so the one rounding is that of the sum, as in ggml.
function readQ4_1(view: DataView, at: number, values: Float32Array, target: number): void {
  const d = view.getFloat16(at, true);
  const m = view.getFloat16(at + 2, true);
  for (let j = 0; j < 16; j++) {
    const byte = view.getUint8(at + 4 + j);
    values[target + j] = (byte & 15) * d + m;
    values[target + j + 16] = (byte >> 4) * d + m;
  }
}

function readQ8_0(view: DataView, at: number, values: Float32Array, target: number): void {
  const d = view.getFloat16(at, true);
  for (let j = 0; j < 32; j++) values[target + j] = view.getInt8(at + 2 + j) * d;
}

// d s and e t are exact in fp32 (11 and 6 bits), and so is (d s) q (21 bits): again one rounding.
function readQ4_K(view: DataView, at: number, values: Float32Array, target: number): void {
  const d = view.getFloat16(at, true);
  const e = view.getFloat16(at + 2, true);
  for (let part = 0; part < 8; part++) {
    const scale = d * sixBits(view, at + 4, part, 0);
    const minimum = e * sixBits(view, at + 4, part, 4);
    const codes = at + 16 + (part >> 1) * 32;
    const shift = (part & 1) * 4;
    for (let j = 0; j < 32; j++) {
      const q = (view.getUint8(codes + j) >> shift) & 15;
      values[target + part * 32 + j] = scale * q - minimum;
    }
  }
}

/**
 * Scale (offset 0) or minimum (offset 4) of one of the eight parts: the first four have six bits in a byte
 * of their own, the last four their low bits in bytes 8 to 11 and their high bits on top of the first ones'.
 */
function sixBits(view: DataView, at: number, part: number, offset: 0 | 4): number {
  if (part < 4) return view.getUint8(at + part + offset) & 63;
  const low = view.getUint8(at + part + 4) >> offset & 15;
  return low | (view.getUint8(at + part - 4 + offset) >> 6) << 4;
}
