/**
 * Files beside `config.json` that say how weights are quantized.
 *
 * @module
 */

import { readJsonObject } from "../checkpoint/read_json.ts";
import type { Checkpoint, JsonObject } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";

/** Of AutoGPTQ, of llm-awq and old AutoAWQ, and of auto-round. */
const FILES: readonly string[] = [
  "quantize_config.json",
  "quant_config.json",
  "quantization_config.json",
];

/**
 * The `config.json` of a checkpoint with a `quantization_config`: where it has none of its own and there are quantized linears, what
 * an older tool wrote into a file beside it.
 *
 * @throws {SalientError} `input` where that file is broken, or none is there.
 */
export async function withQuantizationFile(checkpoint: Checkpoint): Promise<JsonObject> {
  const { config, directory, entries } = checkpoint;
  const said = config["quantization_config"] ?? config["compression_config"] ??
    config["quantization"];
  const quantized = [...entries.keys()].find((name) => name.endsWith(".qweight"));
  if ((said ?? null) !== null || quantized === undefined) return config;
  for (const file of FILES) {
    const found = await readOptional(directory, file);
    if (found !== undefined) return { ...config, quantization_config: found };
  }
  throw new SalientError(
    "input",
    `${directory} has quantized weights (${quantized}), but neither a quantization_config in config.json nor a ` +
      `${FILES.slice(0, 2).join(" or ")}: fetch that file too`,
    { file: directory, tensor: quantized },
  );
}

async function readOptional(directory: string, file: string): Promise<JsonObject | undefined> {
  try {
    return await readJsonObject(`${directory}/${file}`, { within: directory });
  } catch (cause) {
    if (cause instanceof SalientError && cause.cause instanceof Deno.errors.NotFound) {
      return undefined;
    }
    throw cause;
  }
}
