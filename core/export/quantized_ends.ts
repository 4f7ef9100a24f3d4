/**
 * Heads and embeddings that are quantized.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";

/** What holds the integers of a weight, by the formats that are read. */
const INTEGERS = /\.(qweight|weight_packed)$/;
/** Inside the blocks, every name has the number of its block. */
const IN_BLOCK = /\.\d+\./;

/**
 * Refuses a checkpoint whose head or embedding is quantized (`lm_head` true): those are read as floating point weights.
 *
 * @throws {SalientError} `input`, naming the tensor.
 */
export function refuseQuantizedEnds(checkpoint: Checkpoint): void {
  const found = [...checkpoint.entries.keys()]
    .find((name) => INTEGERS.test(name) && !IN_BLOCK.test(name));
  if (found === undefined) return;
  throw new SalientError(
    "input",
    `${checkpoint.directory} has a quantized head or embedding (${found}), and only linears inside blocks are read so: ` +
      `use a checkpoint whose lm_head is plain`,
    { file: checkpoint.directory, tensor: found },
  );
}
