/**
 * Plain numbers of GGUF files.
 *
 * @module
 */

import type { BlockReader } from "./dequantize_blocks.ts";

/** A reader of F32, F16 or BF16 numbers. */
export function readFloats(type: "F32" | "F16" | "BF16"): BlockReader {
  if (type === "F32") {
    return (_, view, values) => {
      for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
    };
  }
  if (type === "F16") {
    return (_, view, values) => {
      for (let i = 0; i < values.length; i++) values[i] = view.getFloat16(2 * i, true);
    };
  }
  return (_, view, values) => {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  };
}
