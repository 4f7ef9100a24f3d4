/**
 * Values in any element type, apart from the backends' own conversions.
 *
 * @module
 */

import type { DType } from "../../../core/tensor.ts";

/** The type's array with the values, rounded in some way. */
export function encode(values: Float32Array, dtype: DType): ArrayBufferView {
  switch (dtype) {
    case "F64":
      return new Float64Array(values);
    case "F32":
      return new Float32Array(values);
    case "F16":
      return new Float16Array(values);
    case "BF16":
      return new Uint16Array(new Uint32Array(new Float32Array(values).buffer).map((b) => b >>> 16));
    case "F8_E4M3":
      return Uint8Array.from(values, nearestF8);
    case "I64":
      return BigInt64Array.from(Array.from(values, (value) => BigInt(Math.trunc(value))));
    case "I32":
      return new Int32Array(values);
    case "I8":
      return new Int8Array(values);
    case "U8":
      return new Uint8Array(values);
    case "BOOL":
      return Uint8Array.from(values, (value) => value > 0 ? 1 : 0);
  }
}

/** The byte whose value is nearest; magnitudes ascend with the lower seven bits, 0x7f is NaN. */
function nearestF8(value: number): number {
  let best = 0;
  for (let byte = 1; byte < 0x7f; byte++) {
    if (
      Math.abs(magnitudeF8(byte) - Math.abs(value)) < Math.abs(magnitudeF8(best) - Math.abs(value))
    ) {
      best = byte;
    }
  }
  return value < 0 ? best | 0x80 : best;
}

function magnitudeF8(byte: number): number {
  const exponent = byte >> 3;
  const fraction = (byte & 7) / 8;
  return exponent === 0 ? fraction * 2 ** -6 : (1 + fraction) * 2 ** (exponent - 7);
}
