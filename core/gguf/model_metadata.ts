/**
 * A model's sizes and switches as metadata of a GGUF file.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { ModelConfig, RopeConfig } from "../model/config.ts";
import type { GgufArchitecture } from "./architecture.ts";
import type { GgufValue } from "./gguf_value.ts";

/**
 * Keys under `general` and the architecture's name. Where a model sees only a window of the tokens before,
 * which llama.cpp does not do for these architectures, its context ends where the window does.
 *
 * @throws {SalientError} `input` where positions are stretched in a way that the format cannot say.
 */
export function modelMetadata(
  architecture: GgufArchitecture,
  config: ModelConfig,
  name: string,
): Map<string, GgufValue> {
  const { name: prefix } = architecture;
  const { rope } = config;
  if (rope === undefined) {
    throw new SalientError("input", `Format gguf knows ${prefix} only with rotary embedding`);
  }
  const windows = config.windows.filter((window) => window > 0);
  const context = Math.min(config.maxPositions, ...windows);
  const whole = (value: number): GgufValue => ({ type: "u32", value });
  const real = (value: number): GgufValue => ({ type: "f32", value });
  return new Map<string, GgufValue>([
    ["general.architecture", { type: "string", value: prefix }],
    ["general.type", { type: "string", value: "model" }],
    ["general.name", { type: "string", value: name }],
    ["general.quantization_version", whole(2)],
    [`${prefix}.vocab_size`, whole(config.vocabSize)],
    [`${prefix}.context_length`, whole(context)],
    [`${prefix}.embedding_length`, whole(config.hiddenSize)],
    [`${prefix}.block_count`, whole(config.blocks)],
    [`${prefix}.feed_forward_length`, whole(config.intermediateSize)],
    [`${prefix}.attention.head_count`, whole(config.heads)],
    [`${prefix}.attention.head_count_kv`, whole(config.kvHeads)],
    [`${prefix}.attention.key_length`, whole(config.headDim)],
    [`${prefix}.attention.value_length`, whole(config.headDim)],
    [`${prefix}.attention.layer_norm_rms_epsilon`, real(config.normEps)],
    [`${prefix}.rope.dimension_count`, whole(rope.rotated)],
    [`${prefix}.rope.freq_base`, real(rope.theta)],
    ...ropeScaling(prefix, rope),
  ]);
}

function ropeScaling(prefix: string, rope: RopeConfig): [string, GgufValue][] {
  const { scaling, parameters } = rope;
  const key = `${prefix}.rope.scaling`;
  switch (scaling) {
    case "default":
    case "llama3": // a tensor of its own
      return [];
    case "linear":
      return [
        [`${key}.type`, { type: "string", value: "linear" }],
        [`${key}.factor`, { type: "f32", value: parameters["factor"] ?? 1 }],
      ];
    case "yarn": {
      const usual = parameters["beta_fast"] === 32 && parameters["beta_slow"] === 1 &&
        parameters["truncate"] === 1 &&
        !["attention_factor", "mscale", "mscale_all_dim"].some((name) => name in parameters);
      if (!usual) throw refuse("with parameters of its own");
      const original = parameters["original_max_position_embeddings"] ?? 0;
      return [
        [`${key}.type`, { type: "string", value: "yarn" }],
        [`${key}.factor`, { type: "f32", value: parameters["factor"] ?? 1 }],
        [`${key}.original_context_length`, { type: "u32", value: original }],
      ];
    }
    default:
      throw refuse("");
  }

  function refuse(text: string): SalientError {
    return new SalientError(
      "input",
      `Format gguf cannot say rope scaling ${scaling} ${text}`.trimEnd(),
    );
  }
}
