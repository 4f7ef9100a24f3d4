/**
 * `config.json` of a GGUF file.
 *
 * @module
 */

import type { JsonObject } from "../checkpoint/types.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { ropeFactors } from "./rope_factors.ts";
import type { GgufHeader, ReadValue } from "./read_gguf.ts";

const CLASSES: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  llama: { name: "LlamaForCausalLM", type: "llama" },
  qwen2: { name: "Qwen2ForCausalLM", type: "qwen2" },
  qwen3: { name: "Qwen3ForCausalLM", type: "qwen3" },
};

/** Factors of Llama 3.1 and of 3.2: with what a tensor of factors is compared. */
const LLAMA3_FACTORS: readonly number[] = [8, 32];

/**
 * The configuration that a Hugging Face checkpoint of the model would have.
 *
 * @param factors The values of `rope_freqs.weight`, where the file has it.
 * @throws {SalientError} `input`, naming the key, where something is missing or not known.
 */
export function configOfMetadata(
  path: string,
  { metadata, tensors }: Pick<GgufHeader, "metadata" | "tensors">,
  factors: Float32Array | undefined,
): JsonObject {
  const refuse = (text: string): SalientError =>
    new SalientError("input", `${path} ${text}`, { file: path });
  const architecture = metadata.get("general.architecture");
  const known = typeof architecture === "string" && Object.hasOwn(CLASSES, architecture)
    ? CLASSES[architecture]
    : undefined;
  if (known === undefined) {
    const shown = showName(String(architecture));
    throw refuse(`has architecture ${shown}, and ${Object.keys(CLASSES).join(", ")} are read`);
  }
  function read(key: string): ReadValue | undefined {
    return metadata.get(`${architecture}.${key}`);
  }
  function number(key: string, fallback?: number): number {
    const value = read(key) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw refuse(`has no usable number ${architecture}.${key}`);
  }
  const embedding = tensors.get("token_embd.weight");
  if (embedding === undefined) throw refuse("has no tensor token_embd.weight");
  if (read("expert_count") !== undefined) {
    throw refuse("is a mixture of experts, which is not read");
  }
  const heads = number("attention.head_count");
  const headDim = number("attention.key_length", number("embedding_length") / heads);
  if (number("rope.dimension_count", headDim) !== headDim) {
    throw refuse("turns only a part of each head, which is not read");
  }
  const theta = number("rope.freq_base", 10000);
  const id = (name: string): number | null => {
    const value = metadata.get(`tokenizer.ggml.${name}_token_id`);
    return typeof value === "number" ? value : null;
  };
  return {
    architectures: [known.name],
    model_type: known.type,
    vocab_size: embedding.shape[0] ?? 0,
    hidden_size: number("embedding_length"),
    intermediate_size: number("feed_forward_length"),
    num_hidden_layers: number("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: number("attention.head_count_kv", heads),
    head_dim: headDim,
    max_position_embeddings: number("context_length"),
    rms_norm_eps: number("attention.layer_norm_rms_epsilon"),
    hidden_act: "silu",
    rope_theta: theta,
    rope_scaling: ropeScaling(),
    tie_word_embeddings: !tensors.has("output.weight"),
    attention_bias: tensors.has("blk.0.attn_q.bias"),
    mlp_bias: tensors.has("blk.0.ffn_gate.bias"),
    bos_token_id: id("bos"),
    eos_token_id: id("eos"),
    pad_token_id: id("padding"),
  };

  function ropeScaling(): JsonObject | null {
    if (factors !== undefined) return llama3();
    const type = read("rope.scaling.type") ?? "none";
    const factor = (): number => number("rope.scaling.factor");
    switch (type) {
      case "none":
        return null;
      case "linear":
        return { rope_type: "linear", factor: factor() };
      case "yarn":
        return {
          rope_type: "yarn",
          factor: factor(),
          original_max_position_embeddings: number("rope.scaling.original_context_length"),
        };
      default:
        throw refuse(`stretches positions by ${showName(String(type))}, which is not read`);
    }
  }

  /** The file has only the factors that come of the rule; those of the published models are known. */
  function llama3(): JsonObject {
    for (const factor of LLAMA3_FACTORS) {
      const parameters = {
        factor,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      };
      const expected = ropeFactors({ theta, scaling: "llama3", parameters, rotated: headDim });
      const same = expected?.length === factors?.length &&
        expected?.every((value, i) => Math.abs(value / (factors?.[i] ?? 0) - 1) < 1e-4);
      if (same === true) return { rope_type: "llama3", ...parameters };
    }
    throw refuse("has a tensor rope_freqs.weight that is not that of Llama 3.1 or 3.2");
  }
}
