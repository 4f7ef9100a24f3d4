/**
 * The export formats by name.
 *
 * @module
 */

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
import { mixedPrecision } from "./mixed_precision.ts";
import { quantizationConfig } from "./quantization_config.ts";
import type { ExportFormat, ReadFormat } from "./types.ts";

/** Every format, by its name on the command line. A new one is added here. */
export const exportFormats: ReadonlyMap<string, ExportFormat> = new Map(
  [
    awqGemm,
    awqGemv,
    makeGptq("gptq"),
    makeGptq("gptq-v2"),
    makeGptq("gptq-p"),
    packQuantized,
    intQuantized,
  ].map((format) => [format.name, format]),
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

/** Formats that are read, and not written. */
const READ_ONLY: readonly ReadFormat[] = [mixedPrecision];

/** A format, and how it was used. */
export interface RecognisedFormat {
  /** The format. */
  readonly format: ReadFormat;
  /** What `quantization_config` says. */
  readonly stored: StoredQuantization;
}

/**
 * Finds out in which format the linears of a checkpoint are stored.
 *
 * @param config The whole `config.json`.
 * @returns The format, or undefined where all linears are floating point: there is no `quantization_config`, or it says so.
 * @throws {SalientError} `input` where it is broken, or of a method that is not read.
 */
export function recogniseFormat(config: JsonObject): RecognisedFormat | undefined {
  const quantization = quantizationConfig(config);
  if (quantization === undefined) return undefined;
  for (const format of [...exportFormats.values(), ...READ_ONLY]) {
    const stored = format.recognise(quantization);
    if (stored !== undefined) return { format, stored };
  }
  throw new SalientError("failed", "No format knows a quantization_config that is read");
}
