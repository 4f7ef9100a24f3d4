/**
 * `quantization_config` of compressed-tensors checkpoints.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import type { ActivationFormat } from "../plugin.ts";
import { type GridGroup, groupGrids } from "./group_grids.ts";
import type { ExportedLinear } from "./types.ts";

/** The layouts of compressed-tensors that are written. */
export type CompressedFormat = "pack-quantized" | "int-quantized";

/**
 * One config group for each grid. A single group is for every `Linear`; several name their linears one by
 * one. What stays plain, and the head, is ignored.
 */
export function compressedTensorsConfig(
  format: CompressedFormat,
  linears: ReadonlyMap<string, ExportedLinear>,
  skipped: readonly string[],
): JsonObject {
  const groups = groupGrids(linears);
  const configGroups: Record<string, JsonObject> = {};
  for (const [index, group] of groups.entries()) {
    configGroups[`group_${index}`] = {
      targets: groups.length === 1 ? ["Linear"] : [...group.names],
      weights: weightArguments(group),
      input_activations: activationArguments(group.activation),
      output_activations: null,
    };
  }
  return {
    quant_method: "compressed-tensors",
    format,
    quantization_status: "compressed",
    global_compression_ratio: null,
    kv_cache_scheme: null,
    config_groups: configGroups,
    ignore: ["lm_head", ...skipped],
  };
}

function weightArguments({ bits, groupSize, symmetric, ordered }: GridGroup): JsonObject {
  const wholeRows = groupSize === -1;
  return {
    num_bits: bits,
    type: "int",
    symmetric,
    strategy: wholeRows ? "channel" : "group",
    group_size: wholeRows ? null : groupSize,
    dynamic: false,
    actorder: ordered ? "group" : null,
    block_structure: null,
    observer: "minmax",
    observer_kwargs: {},
  };
}

function activationArguments(activation: ActivationFormat | undefined): JsonObject | null {
  if (activation === undefined) return null;
  return {
    num_bits: activation.bits,
    type: "int",
    symmetric: true,
    strategy: activation.granularity,
    group_size: null,
    dynamic: activation.dynamic,
    actorder: null,
    block_structure: null,
    observer: activation.dynamic ? null : "minmax",
    observer_kwargs: {},
  };
}
