/**
 * `quantization_config` of auto-round.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import type { Json, JsonObject } from "../checkpoint/types.ts";
import { refuseConfig, showValue } from "./config_values.ts";

/** Bits from which on a linear is plain. */
const PLAIN_BITS = 16;

/**
 * The same in the words of the format that the checkpoint is packed in, which `packing_format` (older: `backend`) names: GPTQ
 * (version 1, or 2 by `gptqmodel`) or AWQ's `gemm`. `extra_config`, settings of single linears, becomes `dynamic`.
 *
 * @throws {SalientError} `input` where it is packed in another way, or its weights are not integers.
 */
export function autoRoundConfig(config: JsonObject): JsonObject {
  const type = config["data_type"] ?? "int";
  if (type !== "int") {
    throw refuseConfig(
      `data_type is ${
        showValue(type)
      }, and of auto-round's types int is read: give the original model`,
    );
  }
  const packing = String(config["packing_format"] ?? config["backend"] ?? "auto_round:auto_gptq");
  const shared = {
    bits: config["bits"],
    group_size: config["group_size"],
    sym: config["sym"] ?? true,
  };
  const extra = config["extra_config"] ?? {};
  if (!isJsonObject(extra)) throw refuseConfig("extra_config is not an object");
  if (packing.includes("awq")) {
    return { ...shared, quant_method: "awq", version: "gemm", zero_point: true };
  }
  if (!packing.includes("gptq") && !/^auto_round(:|$)/.test(packing)) {
    throw refuseConfig(
      `packing_format is ${
        showValue(packing)
      }, and of auto-round's packings auto_gptq, gptqmodel and auto_awq are read`,
    );
  }
  const dynamic: Record<string, Json> = {};
  for (const [name, settings] of Object.entries(extra)) {
    if (!isJsonObject(settings ?? null)) {
      throw refuseConfig(`extra_config of ${showValue(name)} is not an object`);
    }
    const own = settings as JsonObject;
    const plain = typeof own["bits"] === "number" && own["bits"] >= PLAIN_BITS;
    dynamic[`${plain ? "-" : "+"}:${pattern(name)}`] = own;
  }
  return {
    ...shared,
    quant_method: "gptq",
    checkpoint_format: packing.includes("gptqmodel") ? "gptq_v2" : "gptq",
    dynamic,
  };
}

/** A name is itself, or a pattern where it has signs that no name has. */
function pattern(name: string): string {
  return /[*+?^$()[\]{}|\\]/.test(name) ? name : `^${name.replace(/\./g, "\\.")}$`;
}
