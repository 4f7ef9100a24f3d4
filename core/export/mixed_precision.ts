/**
 * Checkpoints of compressed-tensors whose linears are stored in more than one layout.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/types.ts";
import type { LinearInfo } from "../plugin.ts";
import { recogniseCompressedTensors } from "./compressed_tensors_recognise.ts";
import { intQuantized } from "./int_quantized.ts";
import { packQuantized } from "./pack_quantized.ts";
import type { ReadFormat } from "./types.ts";

/** The format `mixed-precision`, which is read: each linear is `pack-quantized` or `int-quantized`. */
export const mixedPrecision: ReadFormat = {
  name: "mixed-precision",
  decode: (checkpoint, linear, stored, ops) =>
    layoutOf(checkpoint, linear).decode(checkpoint, linear, stored, ops),
  decodeActivation: async (checkpoint, linear, stored, ops) => {
    const layout = layoutOf(checkpoint, linear);
    return layout.decodeActivation === undefined
      ? stored.of(linear)?.activation
      : await layout.decodeActivation(checkpoint, linear, stored, ops);
  },
  recognise: (config) => recogniseCompressedTensors("mixed-precision", config),
};

function layoutOf({ entries }: Checkpoint, { name }: LinearInfo): ReadFormat {
  return entries.has(`${name}.weight_packed`) ? packQuantized : intQuantized;
}
