/**
 * Values of ggml's blocks.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { GGML_TYPES, type GgmlType } from "./ggml_type.ts";
import { readFloats } from "./read_floats.ts";
import { SMALL_BLOCKS } from "./small_blocks.ts";
import { SUPER_BLOCKS } from "./super_blocks.ts";

/** Reads whole blocks: `view` and `bytes` show the same bytes; the values go to `values` from its start. */
export type BlockReader = (
  bytes: Uint8Array<ArrayBuffer>,
  view: DataView<ArrayBuffer>,
  values: Float32Array<ArrayBuffer>,
) => void;

const READERS: Readonly<Record<GgmlType, BlockReader>> = {
  F32: readFloats("F32"),
  F16: readFloats("F16"),
  BF16: readFloats("BF16"),
  ...SMALL_BLOCKS,
  ...SUPER_BLOCKS,
};

/**
 * The values of whole blocks, bit for bit those of ggml's `dequantize_row_*`. Blocks of 32 values are described in
 * `small_blocks.ts`, those of 256 in `super_blocks.ts`. All is little-endian.
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
  READERS[type](bytes, view, values);
  return values;
}
