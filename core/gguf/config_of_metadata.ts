/**
 * `config.json` of a GGUF file.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import type { ConfigOf } from "./config_of.ts";
import { CONFIGS } from "./config_tables.ts";
import { MetadataReader } from "./metadata_reader.ts";
import type { GgufHeader } from "./read_gguf.ts";
import { ropeOfMetadata } from "./rope_of_metadata.ts";

/**
 * The configuration that a Hugging Face checkpoint of the model would have.
 *
 * @param floats The values of a tensor of F32, where the file has it.
 * @throws {SalientError} `input`, naming the key, where something is missing or not known.
 */
export function configOfMetadata(
  path: string,
  { metadata, tensors }: Pick<GgufHeader, "metadata" | "tensors">,
  floats: (name: string) => Float32Array | undefined,
): JsonObject {
  const name = metadata.get("general.architecture");
  const of = typeof name === "string" && Object.hasOwn(CONFIGS, name) ? CONFIGS[name] : undefined;
  if (of === undefined || typeof name !== "string") {
    const known = Object.keys(CONFIGS).join(", ");
    throw new SalientError(
      "input",
      `${path} has architecture ${showName(String(name))}, and ${known} are read`,
      { file: path },
    );
  }
  const reader = new MetadataReader(path, name, metadata, tensors);
  const embedding = tensors.get("token_embd.weight");
  if (embedding === undefined) throw reader.fault("has no tensor token_embd.weight");
  if (of.experts === undefined && reader.has("expert_count")) {
    throw reader.fault("is a mixture of experts, which is not read");
  }
  const heads = reader.number("attention.head_count");
  const headDim = reader.number("attention.key_length", reader.number("embedding_length") / heads);
  const id = (token: string): number | null => {
    const value = metadata.get(`tokenizer.ggml.${token}_token_id`);
    return typeof value === "number" ? value : null;
  };
  const config: JsonObject = {
    vocab_size: embedding.shape[0] ?? 0,
    hidden_size: reader.number("embedding_length"),
    intermediate_size: reader.number("feed_forward_length"),
    num_hidden_layers: reader.number("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: reader.number("attention.head_count_kv", heads),
    head_dim: headDim,
    max_position_embeddings: reader.number("context_length"),
    [of.eps ?? "rms_norm_eps"]: reader.number(
      of.eps === undefined ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
    ),
    [of.activationKey ?? "hidden_act"]: reader.text("hidden_activation", of.activation ?? "silu"),
    ...ropeOfMetadata(reader, of, headDim, floats),
    tie_word_embeddings: !tensors.has("output.weight"),
    bos_token_id: id("bos"),
    eos_token_id: id("eos"),
    pad_token_id: id("padding"),
  };
  return { ...named(of, reader), ...renamed(of, config), ...of.more?.(reader) };
}

/** Class and type. */
function named(of: ConfigOf, reader: MetadataReader): JsonObject {
  const { name, type } = reader.has("expert_count") ? of.experts ?? of : of;
  return { architectures: [name], model_type: type };
}

/** Under the names of the family, without what it does not have. */
function renamed({ rename = {} }: ConfigOf, config: JsonObject): JsonObject {
  const entries = Object.entries(config).flatMap(([key, value]) => {
    const name = Object.hasOwn(rename, key) ? rename[key] : key;
    return name === undefined || name === "" ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
