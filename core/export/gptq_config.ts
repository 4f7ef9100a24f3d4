/**
 * `quantization_config` of GPTQ checkpoints, as GPTQModel writes it.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { GptqVersion } from "./gptq.ts";
import { groupGrids } from "./group_grids.ts";
import type { ExportedLinear } from "./types.ts";

/**
 * The largest group of equal grids is said at the top. Linears on other grids, and those that stay plain, are
 * named in `dynamic`, by patterns that match from the start of a name: `+:` changes settings, `-:` leaves plain.
 */
export function gptqConfig(
  version: GptqVersion,
  linears: ReadonlyMap<string, ExportedLinear>,
  skipped: readonly string[],
): JsonObject {
  const [main, ...others] = groupGrids(linears);
  if (main === undefined) {
    throw new SalientError("failed", "A checkpoint without quantized linears");
  }
  const dynamic: Record<string, JsonObject> = {};
  for (const { bits, groupSize, symmetric, names } of others) {
    for (const name of names) {
      dynamic[`+:${pattern(name)}`] = { bits, group_size: groupSize, sym: symmetric };
    }
  }
  for (const name of skipped) dynamic[`-:${pattern(name)}`] = {};
  return {
    quant_method: "gptq",
    bits: main.bits,
    group_size: main.groupSize,
    desc_act: [...linears.values()].some(({ ordered }) => ordered === true),
    sym: main.symmetric,
    lm_head: false,
    checkpoint_format: version.replace("-", "_"),
    pack_dtype: "int32",
    dynamic,
    meta: { quantizer: ["salient"] },
  };
}

function pattern(name: string): string {
  return `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
}
