/**
 * Groups of inputs that are not neighbours.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import type { LinearInfo } from "../plugin.ts";
import { damaged } from "./damaged.ts";
import { storedView } from "./stored_view.ts";

/** What {@linkcode readInputOrder} takes. */
export interface InputOrderOptions {
  /** The open checkpoint. */
  readonly checkpoint: Checkpoint;
  /** The linear. */
  readonly linear: LinearInfo;
  /** What follows the linear's name: `.g_idx` or `.weight_g_idx`. */
  readonly suffix: string;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Operations on tensors. */
  readonly ops: Ops;
}

/**
 * Reads which group each input of a linear is in (I32 [K]).
 *
 * @returns The inputs in the order of their groups: entry j is the input that belongs at column j so that groups are of
 * neighbours. Undefined where they are already, or where the tensor is not there, or says nothing (-1).
 * @throws {SalientError} `input`, naming the tensor, where a group is out of range or has more or fewer inputs than others.
 */
export function readInputOrder(options: InputOrderOptions): Int32Array | undefined {
  const { checkpoint, linear, suffix, groupSize, ops } = options;
  const name = linear.name + suffix;
  const inputs = linear.shape[1];
  if (!checkpoint.entries.has(name)) return undefined;
  using stored = storedView(checkpoint, name, ["I32"], [inputs]);
  const owners = new Int32Array(ops.downloadBytes(stored).buffer);
  if (owners.every((owner, k) => owner === Math.floor(k / groupSize))) return undefined;
  if (owners.every((owner) => owner === -1)) return undefined;
  const groups = inputs / groupSize;
  const filled = new Int32Array(groups);
  const order = new Int32Array(inputs);
  for (const [input, owner] of owners.entries()) {
    if (owner < 0 || owner >= groups) {
      throw damaged(checkpoint, name, `puts input ${input} into group ${owner} of ${groups}`);
    }
    const place = filled[owner]!++;
    if (place >= groupSize) {
      throw damaged(checkpoint, name, `gives group ${owner} more than its ${groupSize} inputs`);
    }
    order[owner * groupSize + place] = input;
  }
  return order;
}
