/**
 * The error for a tensor that is not what it should be.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";

/** An input error that names the tensor; `text` follows its name and the directory. */
export function damaged(checkpoint: Checkpoint, tensor: string, text: string): SalientError {
  const place = { file: checkpoint.directory, tensor };
  return new SalientError(
    "input",
    `Tensor ${
      showName(tensor)
    } of ${checkpoint.directory} ${text}: it is damaged or of another model`,
    place,
  );
}
