/**
 * Reads `quantization_config` of AutoAWQ's checkpoints.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import type { StoredQuantization } from "../model/model.ts";
import { uniformQuantization } from "../model/uniform_quantization.ts";
import type { AwqLayout } from "./awq_config.ts";
import { readFlag, readGroupSize, refuseConfig, showValue } from "./config_values.ts";

const LAYOUTS: readonly string[] = ["gemm", "gemv"];

/**
 * Reads a `quantization_config` whose `quant_method` is `awq`, in the layout that is asked for; also with the older
 * names `w_bit` and `q_group_size`, or `format` for `version`.
 *
 * @returns What it says, or undefined if it is of another method or layout.
 * @throws {SalientError} `input` where it is broken, or of a layout that is not read.
 */
export function recogniseAwq(
  layout: AwqLayout,
  config: JsonObject,
): StoredQuantization | undefined {
  if (config["quant_method"] !== "awq") return undefined;
  let named = "gemm";
  for (const key of ["version", "format"]) {
    const version = config[key] ?? named;
    named = typeof version === "string" ? version.toLowerCase() : "";
    if (LAYOUTS.includes(named)) continue;
    throw refuseConfig(
      `${key} is ${showValue(version)}, and of AWQ's layouts gemm and gemv are read: convert it`,
    );
  }
  if (named !== layout) return undefined;
  const bits = config["bits"] ?? config["w_bit"];
  if (bits !== 4) {
    throw refuseConfig(`bits is ${showValue(bits)}, and AWQ's ${layout} layout has 4`);
  }
  const groupSize = readGroupSize(config["group_size"] ?? config["q_group_size"]);
  // GPTQModel says false of a symmetric grid, whose zero points it stores all the same.
  readFlag(config["zero_point"], true, "zero_point");
  return uniformQuantization(`awq-${layout}`, {
    bits: trueBits(config["salient"]),
    groupSize,
    symmetric: false,
  });
}

/** Bits of the integers inside the 4-bit containers. */
function trueBits(noted: Json | undefined): number {
  if (noted === undefined) return 4;
  const bits = isJsonObject(noted) ? noted["bits"] : undefined;
  if (bits === 2 || bits === 3 || bits === 4) return bits;
  throw refuseConfig(`salient.bits is ${showValue(bits)}: it must be 2, 3 or 4`);
}
