/**
 * Reads `quantization_config` of compressed-tensors checkpoints.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { StoredLinear, StoredQuantization } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { CompressedFormat } from "./compressed_tensors_config.ts";
import { type CompressedScheme, readCompressedSchemes } from "./compressed_schemes.ts";

/**
 * Reads a `quantization_config` whose `quant_method` is `compressed-tensors`, in the layout that is asked for;
 * `mixed-precision` is more than one layout.
 *
 * @returns What it says, or undefined if it is of another method or layout, or all weights are floating point.
 * @throws {SalientError} `input` where it is broken, or says what is not read.
 */
export function recogniseCompressedTensors(
  format: CompressedFormat | "mixed-precision",
  config: JsonObject,
): StoredQuantization | undefined {
  if (config["quant_method"] !== "compressed-tensors") return undefined;
  const { ignored, schemes } = readCompressedSchemes(config);
  const grids = schemes.filter(({ grid }) => grid !== undefined);
  const layouts = new Set(grids.map(({ layout }) => layout));
  const [only] = layouts;
  if ((layouts.size > 1 ? "mixed-precision" : only) !== format) return undefined;
  const [first] = grids;
  const same = (key: "bits" | "groupSize"): number | null =>
    grids.every(({ grid }) => grid?.[key] === first?.grid?.[key])
      ? first?.grid?.[key] ?? null
      : null;
  return {
    format,
    bits: same("bits"),
    groupSize: same("groupSize"),
    of: (linear) => {
      if (ignored.everyLinear || ignored.names.has(linear.name) || ignored.matches(linear.name)) {
        return undefined;
      }
      const scheme = schemes.find(({ targets }) => targets.names.has(linear.name)) ??
        schemes.find(({ targets }) => targets.matches(linear.name)) ??
        schemes.find(({ targets }) => targets.everyLinear);
      return scheme && resolve(scheme, linear);
    },
  };
}

function resolve(
  { grid, activation }: CompressedScheme,
  linear: LinearInfo,
): StoredLinear | undefined {
  if (grid === undefined) return undefined;
  const { bits, groupSize, symmetric } = grid;
  return {
    bits,
    groupSize: groupSize === -1 ? linear.shape[1] : groupSize,
    symmetric,
    ...(activation === undefined ? {} : { activation }),
  };
}
