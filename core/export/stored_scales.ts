/**
 * Scales of a checkpoint.
 *
 * @module
 */

import type { AffineGrid, Ops } from "../backend.ts";
import type { Checkpoint } from "../checkpoint/types.ts";
import type { DType } from "../tensor.ts";
import { damaged } from "./damaged.ts";
import { storedView } from "./stored_view.ts";

const DTYPES: readonly DType[] = ["F16", "BF16", "F32"];

/** Scales, and the type they were stored in. */
export interface StoredScales {
  /** Their values, in the order of the file. */
  readonly values: Float32Array<ArrayBuffer>;
  /** The type of the file. */
  readonly scaleDtype: AffineGrid["scaleDtype"];
}

/**
 * Reads scales of any of the types that a grid knows.
 *
 * @throws {SalientError} `input`, naming the tensor, where type or shape is wrong or a scale is not finite.
 */
export async function storedScales(
  checkpoint: Checkpoint,
  name: string,
  shape: readonly number[],
  ops: Ops,
): Promise<StoredScales> {
  using narrow = storedView(checkpoint, name, DTYPES, shape);
  using wide = await ops.cast(narrow, "F32");
  const values = ops.download(wide);
  if (!values.every(Number.isFinite)) {
    throw damaged(checkpoint, name, "has scales that are not finite");
  }
  const { dtype } = narrow;
  return { values, scaleDtype: dtype === "F16" || dtype === "BF16" ? dtype : "F32" };
}
