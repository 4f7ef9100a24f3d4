/**
 * Reads how positions become angles from `config.json`.
 *
 * @module
 */

import { ConfigReader, type NumberRange } from "./config_reader.ts";
import type { RopeConfig } from "./config.ts";

const POSITIVE: NumberRange = { min: 1e-6, max: 1e12 };
const BASE: NumberRange = { min: 2, max: 1e12 };
const LENGTH: NumberRange = { min: 1, max: 2 ** 31 };

/** What a family's `config.json` says in its own way. */
export interface RopeKeys {
  /** Where the base is, if not under `rope_theta`. */
  readonly theta?: string;
  /** Key of the part of a head that is rotated, and that part where it is absent. Default: all of it, and nothing else. */
  readonly partial?: { readonly key: string; readonly fallback: number };
}

/**
 * Reads `rope_parameters` (transformers 5), or `rope_scaling` and `rope_theta` (before); in both the
 * rule is named by `rope_type` or `type`. What is absent gets the value that transformers assumes.
 *
 * Rules: `default`, `linear`, `dynamic` (NTK), `llama3` and `yarn`; any other is an input error.
 */
export function readRope(
  config: ConfigReader,
  headDim: number,
  maxPositions: number,
  keys: RopeKeys = {},
): RopeConfig {
  const scaling = config.object("rope_scaling");
  const rope = scaling ?? config.object("rope_parameters") ?? new ConfigReader({});
  for (const key of ["full_attention", "sliding_attention"]) {
    if (rope.has(key)) {
      rope.fail(key, "must be absent for this family: one rule holds for all layers");
    }
  }
  const theta = rope.has("rope_theta")
    ? rope.number("rope_theta", BASE)
    : config.number(keys.theta ?? "rope_theta", BASE, 10000);
  const rotated = readRotated(config, rope, headDim, keys);
  const key = rope.has("rope_type") ? "rope_type" : "type";
  const rule = rope.string(key, "default");
  const [kind, parameters] = readRule(rule, rope, config, maxPositions) ??
    rope.fail(key, "must be default, linear, dynamic, llama3 or yarn");
  return { theta, scaling: kind, parameters, rotated };
}

/** Channels of a head that are rotated. */
function readRotated(
  config: ConfigReader,
  rope: ConfigReader,
  headDim: number,
  { partial }: RopeKeys,
): number {
  const PART: NumberRange = { min: 0, max: 1 };
  if (partial === undefined) {
    for (const reader of [config, rope]) {
      if (reader.number("partial_rotary_factor", PART, 1) !== 1) {
        reader.fail("partial_rotary_factor", "must be 1 for this family");
      }
    }
    return headDim;
  }
  const [reader, key] = rope.has("partial_rotary_factor")
    ? [rope, "partial_rotary_factor"]
    : [config, partial.key];
  const rotated = Math.trunc(headDim * reader.number(key, PART, partial.fallback));
  if (rotated < 2 || rotated % 2 !== 0) {
    reader.fail(key, `must make an even part of a head's ${headDim} channels but makes ${rotated}`);
  }
  return rotated;
}

function readRule(
  rule: string,
  rope: ConfigReader,
  config: ConfigReader,
  maxPositions: number,
): [RopeConfig["scaling"], Record<string, number>] | undefined {
  switch (rule) {
    case "default":
      return ["default", {}];
    case "linear":
    case "dynamic":
      return [rule, { factor: rope.number("factor", { min: 1, max: 1e6 }) }];
    case "llama3":
      return ["llama3", readLlama3(rope, originalLength(rope, config, maxPositions))];
    case "yarn":
      return ["yarn", readYarn(rope, originalLength(rope, config, maxPositions), maxPositions)];
    default:
      return undefined;
  }
}

/** Length of the sequences before the context was stretched. */
function originalLength(rope: ConfigReader, config: ConfigReader, maxPositions: number): number {
  const key = "original_max_position_embeddings";
  if (config.has(key)) return config.integer(key, LENGTH);
  return rope.integer(key, LENGTH, maxPositions);
}

function readLlama3(rope: ConfigReader, original: number): Record<string, number> {
  const low = rope.number("low_freq_factor", POSITIVE);
  const high = rope.number("high_freq_factor", POSITIVE);
  if (high <= low) rope.fail("high_freq_factor", `must be above low_freq_factor (${low})`);
  return {
    factor: rope.number("factor", { min: 1, max: 1e6 }),
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: original,
  };
}

function readYarn(
  rope: ConfigReader,
  original: number,
  maxPositions: number,
): Record<string, number> {
  const parameters: Record<string, number> = {
    factor: rope.number("factor", { min: 1, max: 1e6 }, Math.max(1, maxPositions / original)),
    original_max_position_embeddings: original,
    // A zero stands for the default, as in transformers.
    beta_fast: rope.number("beta_fast", { min: 0, max: 1e6 }, 32) || 32,
    beta_slow: rope.number("beta_slow", { min: 0, max: 1e6 }, 1) || 1,
    truncate: rope.boolean("truncate", true) ? 1 : 0,
  };
  for (const key of ["attention_factor", "mscale", "mscale_all_dim"]) {
    if (rope.has(key)) parameters[key] = rope.number(key, { min: 0, max: 1e6 });
  }
  return parameters;
}
