/**
 * Keys of `config.json` for the rotary embedding of a GGUF file.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import type { ConfigOf } from "./config_of.ts";
import type { MetadataReader } from "./metadata_reader.ts";
import { ropeFactors } from "./rope_factors.ts";

/** Factors of Llama 3.1 and of 3.2: with what a tensor of factors is compared. */
const LLAMA3_FACTORS: readonly number[] = [8, 32];

/**
 * `rope_theta`, `rope_scaling`, and where only a part of a head is turned `partial_rotary_factor`.
 *
 * @throws {SalientError} `input` where positions are stretched in a way that is not read.
 */
export function ropeOfMetadata(
  reader: MetadataReader,
  { partial, rope = true }: ConfigOf,
  headDim: number,
  floats: (name: string) => Float32Array | undefined,
): JsonObject {
  if (!rope) return {};
  const rotated = reader.number("rope.dimension_count", headDim);
  if (partial === undefined && rotated !== headDim) {
    throw reader.fault("turns only a part of each head, which is not read");
  }
  const theta = reader.number("rope.freq_base", 10000);
  const key = partial === undefined || partial === "" ? {} : { [partial]: rotated / headDim };
  return { rope_theta: theta, rope_scaling: scaling(), ...key };

  function scaling(): JsonObject | null {
    const factors = floats("rope_freqs.weight");
    if (factors !== undefined) return llama3(factors);
    const [short, long] = [floats("rope_factors_short.weight"), floats("rope_factors_long.weight")];
    const original = (): number => reader.number("rope.scaling.original_context_length");
    if (short !== undefined && long !== undefined) {
      return {
        rope_type: "longrope",
        short_factor: [...short],
        long_factor: [...long],
        attention_factor: reader.number("rope.scaling.attn_factor", 1),
        original_max_position_embeddings: original(),
      };
    }
    const type = reader.text("rope.scaling.type", "none");
    const factor = (): number => reader.number("rope.scaling.factor");
    switch (type) {
      case "none":
        return null;
      case "linear":
        return { rope_type: "linear", factor: factor() };
      case "yarn":
        return {
          rope_type: "yarn",
          factor: factor(),
          original_max_position_embeddings: original(),
        };
      default:
        throw reader.fault(`stretches positions by ${showName(type)}, which is not read`);
    }
  }

  /** The file has only the factors that come of the rule; those of the published models are known. */
  function llama3(factors: Float32Array): JsonObject {
    for (const factor of LLAMA3_FACTORS) {
      const parameters = {
        factor,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      };
      const expected = ropeFactors({ theta, scaling: "llama3", parameters, rotated })
        .get("rope_freqs.weight");
      const same = expected?.length === factors.length &&
        expected.every((value, i) => Math.abs(value / (factors[i] ?? 0) - 1) < 1e-4);
      if (same) return { rope_type: "llama3", ...parameters };
    }
    throw reader.fault("has a tensor rope_freqs.weight that is not that of Llama 3.1 or 3.2");
  }
}
