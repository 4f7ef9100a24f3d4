/**
 * Conversion between element types. Rounding is half to even; NaN stays NaN.
 *
 * @module
 */

import { SalientError } from "../../core/backend.ts";
import type { DType } from "../../core/tensor.ts";

const one = new Float32Array(1);
const oneBits = new Uint32Array(one.buffer);

/** The fp32 value of an F8_E4M3 byte (no infinities; 0x7f and 0xff are NaN; OCP 8-bit floats). */
export function fromF8E4M3(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >> 3) & 0xf;
  const mantissa = byte & 7;
  if (exponent === 0xf && mantissa === 7) return NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -9;
  return sign * (8 + mantissa) * 2 ** (exponent - 10);
}

/** The upper 16 bits of an fp32 value, rounded half to even: its BF16 bits. */
export function toBF16Bits(value: number): number {
  one[0] = value;
  const bits = oneBits[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** An fp32 value rounded to BF16. */
export function roundToBF16(value: number): number {
  oneBits[0] = toBF16Bits(value) << 16;
  return one[0]!;
}

/** An fp32 value rounded to a type that scales may have. */
export function roundTo(value: number, dtype: "F32" | "F16" | "BF16"): number {
  if (dtype === "F16") return Math.f16round(value);
  return dtype === "BF16" ? roundToBF16(value) : Math.fround(value);
}

/**
 * The elements as fp32, whatever their type. The bytes of F32 elements are not copied: the result
 * is for reading only.
 */
export function toF32(bytes: Uint8Array<ArrayBuffer>, dtype: DType): Float32Array<ArrayBuffer> {
  switch (dtype) {
    case "F64":
      return new Float32Array(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8));
    case "F32":
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    case "F16":
      return new Float32Array(new Float16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
    case "BF16":
      return widenBF16(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
    case "F8_E4M3":
      return Float32Array.from(bytes, fromF8E4M3);
    case "I64":
      return Float32Array.from(
        new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8) as Iterable<bigint>,
        Number,
      );
    case "I32":
      return new Float32Array(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4));
    case "I8":
      return new Float32Array(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    case "U8":
      return new Float32Array(bytes);
    case "BOOL":
      return Float32Array.from(bytes, (byte) => byte === 0 ? 0 : 1);
  }
}

/** fp32 values as the bytes of another float type. */
export function fromF32(
  values: Float32Array<ArrayBuffer>,
  dtype: "F32" | "F16" | "BF16",
): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case "F32":
      return new Uint8Array(values.slice().buffer);
    case "F16":
      return new Uint8Array(new Float16Array(values).buffer);
    case "BF16": {
      const target = new Uint16Array(values.length);
      for (let i = 0; i < values.length; i++) target[i] = toBF16Bits(values[i]!);
      return new Uint8Array(target.buffer);
    }
    default:
      throw new SalientError("backend", `Cannot convert to ${dtype}: use F32, F16 or BF16`);
  }
}

function widenBF16(source: Uint16Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(source.length);
  for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
  return new Float32Array(bits.buffer);
}
