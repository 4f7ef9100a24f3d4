/**
 * The forms in which a model is written, by name.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { closestName } from "../export/closest_name.ts";
import { exportFormats, findFormat } from "../export/formats.ts";
import type { ExportFormat } from "../export/types.ts";
import { checkpointOutput } from "./checkpoint_output.ts";
import { ggufOutput } from "./gguf_output.ts";
import { dequantizedOutput } from "./dequantized_output.ts";
import type { OutputFormat } from "./model_output.ts";

/** Those that are not safetensors checkpoints with quantized linears. */
const OTHERS: ReadonlyMap<string, OutputFormat> = new Map(
  [dequantizedOutput, ggufOutput].map((format) => [format.name, format]),
);

/** Every name that {@linkcode findOutput} knows. */
export const outputNames: readonly string[] = [...exportFormats.keys(), ...OTHERS.keys()];

/**
 * The form of that name, or that of a format of linears.
 *
 * @throws {SalientError} `usage`, with the names there are, if there is none.
 */
export function findOutput(wanted: string | ExportFormat | OutputFormat): OutputFormat {
  if (typeof wanted !== "string") return "create" in wanted ? wanted : checkpointOutput(wanted);
  const other = OTHERS.get(wanted);
  if (other !== undefined) return other;
  try {
    return checkpointOutput(findFormat(wanted));
  } catch (cause) {
    if (!(cause instanceof SalientError)) throw cause;
    const near = closestName(wanted, outputNames);
    const advice = near === undefined ? `use ${outputNames.join(", ")}` : `did you mean ${near}?`;
    throw new SalientError("usage", `There is no format ${showName(wanted)}: ${advice}`, { cause });
  }
}
