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
  /** Which blocks are meant, where blocks with a window have angles of their own. Default: all. */
  readonly layerType?: "full_attention" | "sliding_attention";
}

/**
 * Reads `rope_parameters` (transformers 5), or `rope_scaling` and `rope_theta` (before); in both the
 * rule is named by `rope_type` or `type`. What is absent gets the value that transformers assumes.
 *
 * Rules: `default`, `linear`, `dynamic` (NTK), `llama3`, `yarn` and `longrope` (or `su`); any other is an input error.
 */
export function readRope(
  config: ConfigReader,
  headDim: number,
  maxPositions: number,
  keys: RopeKeys = {},
): RopeConfig {
  const rope = ropeObject(config, keys.layerType);
  const theta = rope.has("rope_theta")
    ? rope.number("rope_theta", BASE)
    : config.number(keys.theta ?? "rope_theta", BASE, 10000);
  const rotated = readRotated(config, rope, headDim, keys);
  const key = rope.has("rope_type") ? "rope_type" : "type";
  const rule = rope.string(key, "default");
  // Early configurations of Phi-3 call it su or yarn.
  if (rule === "longrope" || rule === "su" || (rule === "yarn" && rope.has("long_factor"))) {
    return {
      theta,
      rotated,
      scaling: "longrope",
      ...readLong(rope, config, rotated, maxPositions),
    };
  }
  const [scaling, parameters] = readRule(rule, rope, config, maxPositions) ??
    rope.fail(key, "must be default, linear, dynamic, llama3, yarn or longrope");
  return { theta, scaling, parameters, rotated };
}

/** The object that names the rule. */
function ropeObject(config: ConfigReader, layerType: RopeKeys["layerType"]): ConfigReader {
  const none = new ConfigReader({});
  const types = ["full_attention", "sliding_attention"] as const;
  if (layerType !== undefined) {
    const nested = config.object("rope_parameters");
    if (nested === undefined) {
      return layerType === "full_attention" ? config.object("rope_scaling") ?? none : none;
    }
    if (!types.some((type) => nested.has(type))) {
      config.fail("rope_parameters", `must have ${types.join(" and ")} for this family`);
    }
    return nested.object(layerType) ?? none;
  }
  const rope = config.object("rope_scaling") ?? config.object("rope_parameters") ?? none;
  for (const type of types) {
    if (rope.has(type)) {
      rope.fail(type, "must be absent for this family: one rule holds for all layers");
    }
  }
  return rope;
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

/** LongRoPE (Ding et al. 2024): a factor for each pair of channels, one list for each of two ranges of lengths. */
function readLong(
  rope: ConfigReader,
  config: ConfigReader,
  rotated: number,
  maxPositions: number,
): Pick<RopeConfig, "parameters" | "factors"> {
  const original = originalLength(rope, config, maxPositions);
  const parameters: Record<string, number> = {
    factor: rope.number("factor", { min: 1e-6, max: 1e6 }, maxPositions / original),
    original_max_position_embeddings: original,
  };
  const key = "attention_factor";
  if (rope.has(key)) parameters[key] = rope.number(key, { min: 0, max: 1e6 });
  const [short = [], long = []] = ["short_factor", "long_factor"].map((key) => {
    const factors = rope.numbers(key, POSITIVE);
    if (factors?.length === rotated / 2) return factors;
    rope.fail(key, `must be a list of ${rotated / 2} numbers, one for each pair of channels`);
  });
  return { parameters, factors: { short, long } };
}
