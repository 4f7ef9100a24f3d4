/**
 * Finds out how a `config.json` says that weights are quantized.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { autoRoundConfig } from "./auto_round_config.ts";
import { readCompressedSchemes } from "./compressed_schemes.ts";
import { refuseConfig, showValue } from "./config_values.ts";
import { OTHER_METHODS } from "./other_methods.ts";

/** Methods whose weights are 8-bit floating point numbers with scales. */
const FLOAT_METHODS: readonly string[] = ["fp8", "fbgemm_fp8"];
/** Methods whose integers are read. */
const READ_METHODS: readonly string[] = ["awq", "gptq", "compressed-tensors"];

/**
 * The `quantization_config` of a `config.json` as the formats read it: `quant_method` is `awq`, `gptq` or `compressed-tensors`.
 * Those of auto-round are put into the words of the format that they are packed in, and the method is added where old
 * files do not name it.
 *
 * @returns Undefined where no weight is an integer: there is no such configuration, or it is about floating point weights.
 * @throws {SalientError} `input`, saying what it is and what can be done, where it is of a method that is not read.
 */
export function quantizationConfig(config: JsonObject): JsonObject | undefined {
  const found = config["quantization_config"] ?? config["compression_config"] ?? null;
  if (found !== null && !isJsonObject(found)) {
    throw new SalientError("input", "The quantization_config of config.json is not an object");
  }
  if (isJsonObject(config["quantization"] ?? null) && found?.["quant_method"] === undefined) {
    throw new SalientError(
      "input",
      "The checkpoint is quantized by MLX (affine groups in its own packing), which this version does not read: " +
        "give the original model, or save it with mlx_lm.convert --dequantize",
    );
  }
  if (found === null) return undefined;
  const method = found["quant_method"] ?? impliedMethod(found);
  if (typeof method !== "string") {
    throw refuseConfig(
      `quant_method is ${showValue(method)}: it must be one of ${READ_METHODS.join(", ")}`,
    );
  }
  const normal = method.toLowerCase().replace(/^intel\//, "");
  if (normal === "auto-round") return autoRoundConfig(found);
  if (READ_METHODS.includes(normal)) {
    const named = { ...found, quant_method: normal };
    return normal === "compressed-tensors" && areFloats(named) ? undefined : named;
  }
  if (FLOAT_METHODS.includes(normal)) return undefined;
  if (normal === "modelopt" && showValue(found["quant_algo"]).startsWith('"FP8')) return undefined;
  throw notRead(normal, method);
}

/** What old files mean that name no method. */
function impliedMethod(found: JsonObject): string | undefined {
  if (found["w_bit"] !== undefined || found["q_group_size"] !== undefined) return "awq";
  if (found["load_in_4bit"] === true || found["load_in_8bit"] === true) return "bitsandbytes";
  const gptq = found["bits"] !== undefined && found["group_size"] !== undefined;
  return gptq && (found["desc_act"] !== undefined || found["sym"] !== undefined)
    ? "gptq"
    : undefined;
}

/** Whether every config group is about floating point numbers. */
function areFloats(config: JsonObject): boolean {
  return readCompressedSchemes(config).schemes.every(({ grid }) => grid === undefined);
}

function notRead(normal: string, shown: string): SalientError {
  const other = Object.hasOwn(OTHER_METHODS, normal) ? OTHER_METHODS[normal] : undefined;
  const reads =
    "it reads awq, gptq, auto-round, compressed-tensors (integers and FP8), fp8 and plain weights";
  return new SalientError(
    "input",
    other === undefined
      ? `The checkpoint is quantized with ${
        showName(shown)
      }, which this version does not read: ${reads}`
      : `The checkpoint is quantized with ${other.name}, which this version does not read: ${other.advice}`,
  );
}
