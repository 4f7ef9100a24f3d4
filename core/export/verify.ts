/**
 * The check that what was written is what was meant.
 *
 * @module
 */

import type { Ops } from "../backend.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { StoredQuantization } from "../model/model.ts";
import type { ActivationFormat, LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { Checksum } from "./checksum.ts";
import { rowBytes } from "./row_bytes.ts";
import { storedActivation } from "./stored_activation.ts";
import type { ReadFormat, StoredWeight } from "./types.ts";

/** What stands for a quantized weight once the weight itself is gone. */
export interface QuantizedDigest {
  /** Bits of an integer. */
  readonly bits: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Checksum of the codes, in hexadecimal. */
  readonly codes: string;
  /** Checksum of the scales. */
  readonly scales: string;
  /** Checksum of the zero points. */
  readonly zeros: string;
  /** The order of inputs, as a checksum; empty where it is that of the linear. */
  readonly order: string;
  /** How activations are quantized, as JSON. */
  readonly activation: string;
}

/** The digest of a quantized weight, to be compared with what a file holds. */
export function digestQuantized(
  weight: StoredWeight,
  ops: Ops,
  activation?: ActivationFormat,
): QuantizedDigest {
  const { bits, granularity, dynamic, scale } = activation ?? {};
  return {
    activation: JSON.stringify([bits, granularity, dynamic, scale]),
    order: orderSum(weight.inputOrder),
    bits: weight.grid.bits,
    groupSize: weight.grid.groupSize,
    codes: checksum(weight.codes, ops),
    scales: checksum(weight.scales, ops),
    zeros: checksum(weight.zeros, ops),
  };
}

/** What {@linkcode verifyLinear} compares. */
export interface Verification {
  /** The checkpoint that was written, opened again. */
  readonly checkpoint: Checkpoint;
  /** The linear. */
  readonly linear: LinearInfo;
  /** The format it was written in. */
  readonly format: ReadFormat;
  /** What the format recognised in the written `config.json`. */
  readonly stored: StoredQuantization;
  /** What was to be written. */
  readonly expected: QuantizedDigest;
  /** The backend. */
  readonly ops: Ops;
}

/**
 * Reads a linear back and compares it, integer by integer, with what was meant.
 *
 * @throws {SalientError} `failed`, naming the linear and what differs.
 */
export async function verifyLinear(options: Verification): Promise<void> {
  const { checkpoint, linear, format, stored, expected, ops } = options;
  let found: QuantizedDigest;
  try {
    using weight = await format.decode(checkpoint, linear, stored, ops);
    const activation = await storedActivation(format, checkpoint, linear, stored, ops);
    found = digestQuantized(weight, ops, activation);
  } catch (cause) {
    if (!(cause instanceof SalientError) || cause.code !== "input") throw cause;
    throw failed(options, `cannot be read back (${cause.message})`, cause);
  }
  const parts = ["bits", "groupSize", "order", "codes", "scales", "zeros", "activation"] as const;
  const different = parts.find((part) => found[part] !== expected[part]);
  if (different !== undefined) {
    const name = different === "groupSize" ? "group size" : different;
    throw failed(options, `does not read back as it was meant: its ${name} differ`);
  }
}

function failed({ checkpoint, linear }: Verification, text: string, cause?: unknown): SalientError {
  return new SalientError(
    "failed",
    `Linear ${
      showName(linear.name)
    } in ${checkpoint.directory} ${text}; do not use this checkpoint, write it again`,
    { file: checkpoint.directory, tensor: linear.name, cause },
  );
}

function orderSum(order: Int32Array | undefined): string {
  if (order === undefined) return "";
  const sum = new Checksum();
  sum.add(new Uint8Array(order.slice().buffer));
  return sum.text;
}

function checksum(tensor: Tensor, ops: Ops): string {
  const sum = new Checksum();
  for (const bytes of rowBytes(ops, tensor)) sum.add(bytes);
  return sum.text;
}
