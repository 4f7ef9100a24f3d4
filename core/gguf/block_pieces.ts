/**
 * A quantized weight as ggml's blocks.
 *
 * @module
 */

import type { Ops, QuantizedWeight } from "../backend.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import type { Checksum } from "../export/checksum.ts";
import type { Tensor } from "../tensor.ts";
import { encodeBlocks } from "./encode_blocks.ts";
import { ggmlBytes, type GgmlType } from "./ggml_type.ts";

/** Bytes of a piece, about. */
export const BLOCK_PIECE = 2 ** 20;

/** What {@linkcode blockPieces} takes. */
export interface BlockPiecesOptions {
  /** The weight. */
  readonly weight: QuantizedWeight;
  /** Blocks that hold its grid. */
  readonly type: GgmlType;
  /** Which row of the weight is row n of the file. */
  readonly rowOf: (n: number) => number;
  /** Takes the fp32 values that the blocks stand for, as they are known before anything is packed. */
  readonly values: Checksum;
  /** Operations on tensors. */
  readonly ops: Ops;
}

/**
 * The blocks of a weight, row after row in pieces of {@linkcode BLOCK_PIECE}.
 *
 * @throws {SalientError} `input` where a minimum is too large for fp16.
 */
export function* blockPieces(options: BlockPiecesOptions): Generator<Uint8Array<ArrayBuffer>> {
  const { weight, type, rowOf, values: sum, ops } = options;
  const [rows = 0, columns = 0] = weight.codes.shape;
  const { groupSize } = weight.grid;
  const groups = columns / groupSize;
  const zeros = ops.downloadBytes(weight.zeros);
  const scales = ops.download(weight.scales);
  const stride = ggmlBytes(type, columns);
  const step = rowsOfPiece(stride);
  for (let start = 0; start < rows; start += step) {
    const count = Math.min(step, rows - start);
    const bytes = new Uint8Array(count * stride);
    const meant = new Float32Array(count * columns);
    const codes = gatherRows(ops, weight.codes, start, count, rowOf);
    for (let n = 0; n < count; n++) {
      const row = rowOf(start + n);
      const part = {
        codes: codes.subarray(n * columns, (n + 1) * columns),
        scales: scales.subarray(row * groups, (row + 1) * groups),
        zeros: zeros.subarray(row * groups, (row + 1) * groups),
        groupSize,
      };
      encodeBlocks(type, part, bytes, n * stride);
      for (let group = 0; group < groups; group++) {
        const scale = part.scales[group]!;
        const exact = part.zeros[group]! * scale;
        // Q4_1 alone stores the minimum, as an fp16.
        const shift = type === "Q4_1" ? Math.f16round(exact) : exact;
        const end = (group + 1) * groupSize;
        for (let k = group * groupSize; k < end; k++) {
          meant[n * columns + k] = part.codes[k]! * scale - shift;
        }
      }
    }
    if (!meant.every(Number.isFinite)) {
      throw new SalientError(
        "input",
        `Blocks of ${type} have no room for a minimum as large as this`,
      );
    }
    sum.add(new Uint8Array(meant.buffer));
    discard(meant);
    discard(codes);
    yield bytes;
    discard(bytes);
  }
}

/** Rows `rowOf(start)` to `rowOf(start + count - 1)` of a matrix of bytes, neighbours in one go. */
function gatherRows(
  ops: Ops,
  matrix: Tensor,
  start: number,
  count: number,
  rowOf: (n: number) => number,
): Uint8Array<ArrayBuffer> {
  const columns = matrix.shape[1] ?? 0;
  const gathered = new Uint8Array(count * columns);
  for (let n = 0; n < count;) {
    const first = rowOf(start + n);
    let length = 1;
    while (n + length < count && rowOf(start + n + length) === first + length) length++;
    using part = ops.rows(matrix, first, length);
    const bytes = ops.downloadBytes(part);
    gathered.set(bytes, n * columns);
    discard(bytes);
    n += length;
  }
  return gathered;
}

/** Rows that a piece holds. */
export function rowsOfPiece(rowBytes: number): number {
  return Math.max(1, Math.floor(BLOCK_PIECE / rowBytes));
}
