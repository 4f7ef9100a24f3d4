/**
 * Rotary embedding as metadata of a GGUF file.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import type { Architecture } from "../model/architecture.ts";
import type { RopeConfig } from "../model/config.ts";
import { ropeFrequencies } from "../model/rope.ts";
import type { GgufArchitecture } from "./architecture.ts";
import type { GgufValue } from "./gguf_value.ts";

/** Who reads the tensor with the factors of Llama 3. */
const LLAMA3: readonly string[] = ["llama", "granite", "arcee"];

/**
 * Keys without the architecture's name. What stretches each pair by a factor of its own is a tensor
 * ({@linkcode ropeFactors}).
 *
 * @throws {SalientError} `input` where positions are stretched in a way that the format cannot say.
 */
export function ropeMetadata(
  { name, localBase }: GgufArchitecture,
  { config: { rope, maxPositions }, ropes }: Architecture,
): readonly (readonly [string, GgufValue])[] {
  if (rope === undefined) return [];
  const local = ropes["local"];
  if (local !== undefined && local.scaling !== "default") {
    throw refuse(`${local.scaling} of blocks behind a window`);
  }
  if (local !== undefined && localBase !== true && local.theta !== rope.theta) {
    throw refuse(`with a base of its own behind windows for ${name}`);
  }
  return [
    ["rope.dimension_count", { type: "u32", value: rope.rotated }],
    ["rope.freq_base", { type: "f32", value: rope.theta }],
    ...(local !== undefined && localBase === true
      ? [["rope.freq_base_swa", { type: "f32", value: local.theta }] as const]
      : []),
    ...scaling(name, rope, maxPositions),
  ];
}

function scaling(
  architecture: string,
  rope: RopeConfig,
  maxPositions: number,
): readonly (readonly [string, GgufValue])[] {
  const { scaling, parameters } = rope;
  const key = "rope.scaling";
  const original = parameters["original_max_position_embeddings"] ?? 0;
  switch (scaling) {
    case "default":
      return [];
    case "llama3": // a tensor of its own
      if (!LLAMA3.includes(architecture)) throw refuse(`llama3 for ${architecture}`);
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
      if (!usual) throw refuse("yarn with parameters of its own");
      return [
        [`${key}.type`, { type: "string", value: "yarn" }],
        [`${key}.factor`, { type: "f32", value: parameters["factor"] ?? 1 }],
        [`${key}.original_context_length`, { type: "u32", value: original }],
      ];
    }
    case "longrope": {
      if (architecture !== "phi3") throw refuse(`longrope for ${architecture}`);
      const { magnitude } = ropeFrequencies(rope, 1, maxPositions);
      return [
        [`${key}.attn_factor`, { type: "f32", value: magnitude }],
        [`${key}.original_context_length`, { type: "u32", value: original }],
      ];
    }
    default:
      throw refuse(scaling);
  }
}

function refuse(text: string): SalientError {
  return new SalientError("input", `Format gguf cannot say rope scaling ${text}`);
}
