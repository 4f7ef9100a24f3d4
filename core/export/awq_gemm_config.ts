/**
 * `quantization_config` of AutoAWQ's checkpoints.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { StoredQuantization } from "../model/model.ts";
import { uniformQuantization } from "../model/uniform_quantization.ts";

/**
 * Reads a `quantization_config` whose `quant_method` is `awq`, also with the older names `w_bit` and
 * `q_group_size`, or `format` for `version`.
 *
 * @returns What it says, or undefined if it is of another method.
 * @throws {SalientError} `input` where it is broken, or of another layout than GEMM.
 */
export function recogniseAwqGemm(config: JsonObject): StoredQuantization | undefined {
  if (config["quant_method"] !== "awq") return undefined;
  for (const key of ["version", "format"]) {
    const version = config[key] ?? "gemm";
    if (typeof version !== "string" || version.toLowerCase() !== "gemm") {
      throw refuse(
        `${key} is ${show(version)}, and of AWQ's layouts only gemm is read: convert it`,
      );
    }
  }
  const bits = config["bits"] ?? config["w_bit"];
  if (bits !== 4) throw refuse(`bits is ${show(bits)}, and AWQ's gemm layout has 4`);
  const groupSize = config["group_size"] ?? config["q_group_size"];
  if (typeof groupSize !== "number" || !isGroupSize(groupSize)) {
    throw refuse(`group_size is ${show(groupSize)}: it must be a positive whole number or -1`);
  }
  if ((config["zero_point"] ?? true) !== true) {
    throw refuse("zero_point is not true, and AWQ's gemm layout has zero points: convert it");
  }
  return uniformQuantization("awq-gemm", {
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
  throw refuse(`salient.bits is ${show(bits)}: it must be 2, 3 or 4`);
}

function isGroupSize(value: number): boolean {
  return Number.isSafeInteger(value) && (value > 0 || value === -1);
}

function show(value: Json | undefined): string {
  return value === undefined ? "missing" : showName(JSON.stringify(value));
}

function refuse(text: string): SalientError {
  return new SalientError("input", `In quantization_config of config.json ${text}`);
}
