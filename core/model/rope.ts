/**
 * Rotary position embedding: the frequencies of every scaling rule, and tables of cos and sin.
 *
 * All steps are rounded to fp32 as transformers does them: at position 100,000 an angle's last fp32 bit
 * is worth 0.008, and both must round alike to agree.
 *
 * @module
 */

import type { RopeConfig } from "./config.ts";

const f32 = Math.fround;

/** What turns a position into angles. */
export interface RopeFrequencies {
  /** [rotated / 2] radians a position. */
  readonly frequencies: Float32Array;
  /** Multiplies cos and sin (YaRN's attention factor; else 1). */
  readonly magnitude: number;
}

/**
 * The frequencies for a sequence of `length` tokens. Two rules depend on the length: `dynamic` raises the base where
 * the sequence is longer than `maxPositions`, `longrope` takes other factors beyond the original length.
 */
export function ropeFrequencies(
  config: RopeConfig,
  length: number,
  maxPositions: number,
): RopeFrequencies {
  const p = config.parameters;
  const factor = p.factor ?? 1;
  switch (config.scaling) {
    case "linear":
      return plain(baseFrequencies(config.theta, config.rotated).map((f) => f / factor));
    case "dynamic": {
      // NTK-aware scaling; one pair alone has no exponent to spread the base over.
      const reach = factor * Math.max(length, maxPositions) / maxPositions - (factor - 1);
      const exponent = config.rotated > 2 ? config.rotated / (config.rotated - 2) : 0;
      return plain(baseFrequencies(config.theta * reach ** exponent, config.rotated));
    }
    case "llama3":
      return plain(llama3Frequencies(config));
    case "yarn":
      return { frequencies: yarnFrequencies(config), magnitude: yarnMagnitude(config) };
    case "longrope":
      return { frequencies: longFrequencies(config, length), magnitude: longMagnitude(config) };
    default:
      return plain(baseFrequencies(config.theta, config.rotated));
  }
}

/**
 * Names the table that sequences of `length` tokens share: those of one name have the same frequencies. Undefined where
 * each length has its own.
 */
export function ropeRange(
  config: RopeConfig,
  length: number,
  maxPositions: number,
): "short" | "long" | undefined {
  if (config.scaling === "longrope") return length > originalOf(config) ? "long" : "short";
  return config.scaling === "dynamic" && length > maxPositions ? undefined : "short";
}

/** cos and sin of `rows` positions from `start`: [rows, rotated], cos in the first half of a row. */
export function ropeTable(
  { frequencies, magnitude }: RopeFrequencies,
  start: number,
  rows: number,
): Float32Array {
  const half = frequencies.length;
  const table = new Float32Array(rows * 2 * half);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < half; i++) {
      const angle = f32((start + row) * frequencies[i]!);
      table[row * 2 * half + i] = f32(Math.cos(angle)) * magnitude;
      table[row * 2 * half + half + i] = f32(Math.sin(angle)) * magnitude;
    }
  }
  return table;
}

function plain(frequencies: Float32Array): RopeFrequencies {
  return { frequencies, magnitude: 1 };
}

/** base^(-2i / channels). */
function baseFrequencies(base: number, channels: number): Float32Array {
  return Float32Array.from({ length: channels / 2 }, (_, i) => {
    return 1 / f32(f32(base) ** f32(2 * i / channels));
  });
}

/** Llama 3.1: long waves are stretched by the factor, short ones kept, those between blended. */
function llama3Frequencies(config: RopeConfig): Float32Array {
  const p = config.parameters;
  const factor = p.factor ?? 1;
  const low = p.low_freq_factor ?? 1;
  const high = p.high_freq_factor ?? 4;
  const original = p.original_max_position_embeddings ?? 8192;
  return baseFrequencies(config.theta, config.rotated).map((frequency) => {
    const wave = f32(2 * Math.PI / frequency);
    if (wave > original / low) return frequency / factor;
    if (wave < original / high) return frequency;
    const blend = (original / wave - low) / (high - low);
    return (1 - blend) * frequency / factor + blend * frequency;
  });
}

/** YaRN (Peng et al. 2023, section 3.2): interpolates the pairs that turn less than beta_slow times. */
function yarnFrequencies(config: RopeConfig): Float32Array {
  const p = config.parameters;
  const factor = p.factor ?? 1;
  const original = p.original_max_position_embeddings ?? 1;
  const channels = config.rotated;
  /** The pair that makes that many turns over the original length. */
  function pairOf(turns: number): number {
    return channels * Math.log(original / (turns * 2 * Math.PI)) / (2 * Math.log(config.theta));
  }
  let low = pairOf(p.beta_fast ?? 32);
  let high = pairOf(p.beta_slow ?? 1);
  if (p.truncate !== 0) [low, high] = [Math.floor(low), Math.ceil(high)];
  low = Math.max(low, 0);
  high = Math.min(high, channels - 1);
  if (low === high) high += 0.001;
  return baseFrequencies(config.theta, channels).map((frequency, i) => {
    const ramp = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return frequency / factor * ramp + frequency * (1 - ramp);
  });
}

/** YaRN's attention factor, from `mscale` and `mscale_all_dim` where both are given (DeepSeek). */
function yarnMagnitude(config: RopeConfig): number {
  const p = config.parameters;
  if (p.attention_factor !== undefined) return p.attention_factor;
  const factor = p.factor ?? 1;
  function magnitude(scale: number): number {
    return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
  }
  if (p.mscale && p.mscale_all_dim) return magnitude(p.mscale) / magnitude(p.mscale_all_dim);
  return magnitude(1);
}

function originalOf(config: RopeConfig): number {
  return config.parameters.original_max_position_embeddings ?? Infinity;
}

/** LongRoPE (Ding et al. 2024): each pair's frequency is divided by a factor of its own. */
function longFrequencies(config: RopeConfig, length: number): Float32Array {
  const range = length > originalOf(config) ? "long" : "short";
  const factors = config.factors?.[range] ?? [];
  return Float32Array.from({ length: config.rotated / 2 }, (_, i) => {
    const wave = f32(f32(config.theta) ** f32(2 * i / config.rotated));
    return 1 / f32(f32(factors[i] ?? 1) * wave);
  });
}

/** Its attention factor, from how far the context was stretched. */
function longMagnitude(config: RopeConfig): number {
  const { attention_factor: given, factor = 1 } = config.parameters;
  if (given !== undefined) return given;
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalOf(config)));
}
