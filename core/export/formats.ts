/**
 * The export formats by name.
 *
 * @module
 */

import { isJsonObject } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import type { StoredQuantization } from "../model/model.ts";
import { awqGemm } from "./awq_gemm.ts";
import { awqGemv } from "./awq_gemv.ts";
import { closestName } from "./closest_name.ts";
import { makeGptq } from "./gptq.ts";
import { packQuantized } from "./pack_quantized.ts";
import { intQuantized } from "./int_quantized.ts";
import type { ExportFormat } from "./types.ts";

/** Every format, by its name on the command line. A new one is added here. */
export const exportFormats: ReadonlyMap<string, ExportFormat> = new Map(
  [awqGemm, awqGemv, makeGptq("gptq"), makeGptq("gptq-v2"), packQuantized, intQuantized].map((
    format,
  ) => [format.name, format]),
);

/** Other names by which people know a format. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["compressed-tensors", "pack-quantized"],
  ["gptq-v1", "gptq"],
]);

/**
 * The format of that name.
 *
 * @throws {SalientError} `usage`, with the names there are, if there is none.
 *
 * @example
 * ```ts
 * import { findFormat } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * assert.equal(findFormat("awq-gemm").scaleDtype, "F16");
 * assert.throws(() => findFormat("awq"), /did you mean awq-gemm/);
 * ```
 */
export function findFormat(name: string): ExportFormat {
  const format = exportFormats.get(ALIASES.get(name) ?? name);
  if (format !== undefined) return format;
  const names = [...exportFormats.keys()];
  const near = closestName(name, names);
  const advice = near === undefined ? `use ${names.join(", ")}` : `did you mean ${near}?`;
  throw new SalientError("usage", `There is no format ${showName(name)}: ${advice}`);
}

/** A format, and how it was used. */
export interface RecognisedFormat {
  /** The format. */
  readonly format: ExportFormat;
  /** What `quantization_config` says. */
  readonly stored: StoredQuantization;
}

/**
 * Finds out in which format the linears of a checkpoint are stored.
 *
 * @param config The whole `config.json`.
 * @returns The format, or undefined where there is no `quantization_config`: all linears are plain.
 * @throws {SalientError} `input` where it is broken, or of a method that is not read.
 */
export function recogniseFormat(config: JsonObject): RecognisedFormat | undefined {
  const quantization = config["quantization_config"] ?? config["compression_config"];
  if (quantization === undefined || quantization === null) return undefined;
  if (!isJsonObject(quantization)) {
    throw new SalientError("input", "The quantization_config of config.json is not an object");
  }
  for (const format of exportFormats.values()) {
    const stored = format.recognise(quantization);
    if (stored !== undefined) return { format, stored };
  }
  const method = quantization["quant_method"];
  const shown = typeof method === "string" ? showName(method) : "a method that it does not name";
  throw new SalientError(
    "input",
    `The checkpoint is quantized with ${shown}, which this version does not read: it reads awq, gptq, ` +
      `compressed-tensors (pack-quantized) and plain weights`,
  );
}
