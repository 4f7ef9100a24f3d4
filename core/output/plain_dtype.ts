/**
 * Element type of a model's plain weights.
 *
 * @module
 */

import type { Model } from "../model/model.ts";
import type { LinearInfo } from "../plugin.ts";
import type { DType } from "../tensor.ts";

/** That of the linear where it is plain; of a quantized one, what `config.json` names, else that of the embedding. */
export function plainDtype(model: Model, linear: LinearInfo): DType {
  const { entries } = model.checkpoint;
  if (model.quantization === undefined) return linear.dtype;
  const said = model.rawConfig["dtype"] ?? model.rawConfig["torch_dtype"];
  const named = said === "float32"
    ? "F32"
    : said === "float16"
    ? "F16"
    : said === "bfloat16"
    ? "BF16"
    : undefined;
  const { embedding, head } = model.architecture.ends;
  return named ?? entries.get(embedding)?.dtype ?? entries.get(head)?.dtype ?? "F16";
}
