/**
 * The check that a GGUF file holds what was meant.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import { Checksum } from "../export/checksum.ts";
import { rowsOfPiece } from "./block_pieces.ts";
import { dequantizeBlocks } from "./dequantize_blocks.ts";
import { ggmlBytes, type GgmlType } from "./ggml_type.ts";
import { readGguf } from "./read_gguf.ts";

/** What a tensor should be. */
export interface ExpectedTensor {
  /** How it is stored. */
  readonly type: GgmlType;
  /**
   * Checksums of its equal parts, most often one: of the fp32 values of its blocks, of {@linkcode rowsOfPiece} rows
   * each; of its bytes where it has none.
   */
  readonly sums: readonly string[];
}

/**
 * Opens a file again and compares every tensor with what it should be: blocks by the values they stand for.
 *
 * @throws {SalientError} `failed`, naming the tensor.
 */
export async function verifyGguf(
  path: string,
  expected: ReadonlyMap<string, ExpectedTensor>,
): Promise<void> {
  const { tensors } = await readGguf(path);
  using file = await Deno.open(path, { read: true });
  for (const [name, { type, sums }] of expected) {
    const found = tensors.get(name);
    if (found?.type !== type) throw failed(path, name);
    const columns = found.shape.at(-1) ?? 1;
    const isBlock = type.startsWith("Q");
    const piece = isBlock
      ? rowsOfPiece(ggmlBytes(type, columns)) * ggmlBytes(type, columns)
      : PLAIN_PIECE;
    const length = found.byteLength / sums.length;
    await file.seek(found.offset, Deno.SeekMode.Start);
    for (const sum of sums) {
      const check = new Checksum();
      for (let done = 0; done < length; done += piece) {
        const bytes = new Uint8Array(Math.min(piece, length - done));
        await readFully(file, bytes, path, name);
        const values = isBlock ? new Uint8Array(dequantizeBlocks(type, bytes).buffer) : bytes;
        check.add(values);
        discard(values);
        discard(bytes);
      }
      if (check.text !== sum) throw failed(path, name);
    }
  }
}

/** Bytes in which plain tensors are summed. */
export const PLAIN_PIECE = 2 ** 20;

async function readFully(
  file: Deno.FsFile,
  bytes: Uint8Array,
  path: string,
  name: string,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) throw failed(path, name);
    done += count;
  }
}

function failed(path: string, name: string): SalientError {
  return new SalientError(
    "failed",
    `Tensor ${showName(name)} in ${path} does not read back as it was meant; write it again`,
    { file: path, tensor: name },
  );
}
