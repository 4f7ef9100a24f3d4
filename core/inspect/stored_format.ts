/**
 * The format of a checkpoint.
 *
 * @module
 */

import type { Model } from "../model/model.ts";

/** Its name: `safetensors` where all is plain, `gguf`, or the format of the quantized linears. */
export function storedFormat(
  { directory, quantization }: Pick<Model, "directory" | "quantization">,
): string {
  if (quantization !== undefined) return quantization.format;
  return directory.endsWith(".gguf") ? "gguf" : "safetensors";
}
