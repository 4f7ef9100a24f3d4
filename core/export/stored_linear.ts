/**
 * How a linear is stored, checked against its shape.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { StoredLinear, StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";

/**
 * What `quantization_config` says of a linear, whose inputs its groups must divide.
 *
 * @throws {SalientError} `input`, naming the linear, where it is said to be plain or does not fit.
 */
export function storedLinear(
  checkpoint: Checkpoint,
  linear: LinearInfo,
  stored: StoredQuantization,
): StoredLinear {
  const found = stored.of(linear);
  const place = { file: checkpoint.directory, tensor: linear.name };
  const name = showName(linear.name);
  if (found === undefined) {
    throw new SalientError(
      "input",
      `Linear ${name} of ${checkpoint.directory} is plain by quantization_config, but has no weight`,
      place,
    );
  }
  const [outputs, inputs] = linear.shape;
  if (inputs % found.groupSize !== 0) {
    throw new SalientError(
      "input",
      `Linear ${name} [${outputs}, ${inputs}] cannot have groups of ${found.groupSize}: ` +
        `quantization_config of ${checkpoint.directory} does not fit the model`,
      place,
    );
  }
  return found;
}
