/**
 * Tiny models of the families that GGUF files are written of, with rows that blocks of 32 fill.
 *
 * @module
 */

import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { ggufArchitecture } from "../../../core/gguf/gguf_architecture.ts";
import { tensorNames } from "../../../core/gguf/tensor_names.ts";
import { findFamily } from "../../../core/model/families/find_family.ts";
import { familyParameter } from "../model/families/family_cases.ts";
import { writeTinyModel } from "../../tiny_model.ts";

const BASE = {
  vocab_size: 96,
  hidden_size: 128,
  intermediate_size: 192,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 512,
  hidden_act: "silu",
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 2,
};
const MOE = { moe_intermediate_size: 64, num_experts: 6, num_experts_per_tok: 2 };
const GEMMA = { hidden_act: "gelu_pytorch_tanh", tie_word_embeddings: true, head_dim: 64 };
const GEMMA2 = {
  hidden_activation: "gelu_pytorch_tanh",
  tie_word_embeddings: true,
  head_dim: 64,
  query_pre_attn_scalar: 64,
  sliding_window: 16,
};
const FALCON = { activation: "gelu", tie_word_embeddings: true, hidden_act: undefined };
const LONG = {
  rope_type: "longrope",
  short_factor: Array.from({ length: 16 }, (_, i) => 1 + i / 16),
  long_factor: Array.from({ length: 16 }, (_, i) => 2 + i),
};

function of(name: string, type: string, ...more: readonly object[]): JsonObject {
  return Object.assign({ ...BASE, architectures: [name], model_type: type }, ...more);
}

/** `config.json` by what it tests. */
export const GGUF_FAMILIES: Readonly<Record<string, JsonObject>> = {
  llama: of("LlamaForCausalLM", "llama", { head_dim: 64 }),
  "mistral that also sees": {
    architectures: ["Mistral3ForConditionalGeneration"],
    model_type: "mistral3",
    text_config: of("MistralForCausalLM", "mistral", { sliding_window: null }),
  },
  mixtral: of("MixtralForCausalLM", "mixtral", { num_local_experts: 6, num_experts_per_tok: 2 }),
  qwen2: of("Qwen2ForCausalLM", "qwen2"),
  qwen3: of("Qwen3ForCausalLM", "qwen3", { head_dim: 64 }),
  gemma: of("GemmaForCausalLM", "gemma", GEMMA, { num_key_value_heads: 1 }),
  gemma2: of("Gemma2ForCausalLM", "gemma2", GEMMA2),
  gemma3: of("Gemma3ForCausalLM", "gemma3_text", GEMMA2, {
    num_hidden_layers: 7,
    rope_scaling: { rope_type: "linear", factor: 8 },
    rope_theta: 1e6,
    rope_local_base_freq: 2e4,
  }),
  "gemma3 that also sees": {
    architectures: ["Gemma3ForConditionalGeneration"],
    model_type: "gemma3",
    text_config: of("Gemma3ForCausalLM", "gemma3_text", GEMMA2),
  },
  phi3: of("Phi3ForCausalLM", "phi3", { num_key_value_heads: 4 }),
  "phi3 with LongRoPE": of("Phi3ForCausalLM", "phi3", {
    max_position_embeddings: 2048,
    original_max_position_embeddings: 512,
    rope_scaling: LONG,
  }),
  phi: of("PhiForCausalLM", "phi", { hidden_act: "gelu_new", partial_rotary_factor: 0.5 }),
  qwen2_moe: of("Qwen2MoeForCausalLM", "qwen2_moe", MOE, { shared_expert_intermediate_size: 96 }),
  qwen3_moe: of("Qwen3MoeForCausalLM", "qwen3_moe", MOE, { head_dim: 64, norm_topk_prob: true }),
  olmoe: of("OlmoeForCausalLM", "olmoe", { ...MOE, intermediate_size: 64, num_key_value_heads: 4 }),
  olmo2: of("Olmo2ForCausalLM", "olmo2"),
  olmo3: of("Olmo3ForCausalLM", "olmo3", { num_hidden_layers: 5, sliding_window: 16 }),
  smollm3: of("SmolLM3ForCausalLM", "smollm3", {
    num_hidden_layers: 5,
    tie_word_embeddings: true,
    no_rope_layer_interval: 4,
    use_sliding_window: false,
  }),
  granite: of("GraniteForCausalLM", "granite", {
    tie_word_embeddings: true,
    embedding_multiplier: 6,
    logits_scaling: 2,
    residual_multiplier: 0.3,
    attention_multiplier: 0.1,
  }),
  gpt2: of("GPT2LMHeadModel", "gpt2", {
    n_embd: 128,
    n_layer: 3,
    n_head: 4,
    n_positions: 512,
    tie_word_embeddings: true,
  }),
  starcoder2: of("Starcoder2ForCausalLM", "starcoder2", {
    hidden_act: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
  }),
  "falcon 7b": of("FalconForCausalLM", "falcon", FALCON, {
    multi_query: true,
    new_decoder_architecture: false,
  }),
  "falcon 40b": of("FalconForCausalLM", "falcon", FALCON, {
    num_kv_heads: 2,
    new_decoder_architecture: true,
  }),
  "falcon 11b": of("FalconForCausalLM", "falcon", FALCON, {
    num_kv_heads: 2,
    new_decoder_architecture: true,
    num_ln_in_parallel_attn: 1,
  }),
  gpt_neox: of("GPTNeoXForCausalLM", "gpt_neox", { hidden_act: "gelu", rotary_pct: 0.25 }),
  "gpt_neox one after the other": of("GPTNeoXForCausalLM", "gpt_neox", {
    hidden_act: "gelu_new",
    rotary_pct: 1,
    use_parallel_residual: false,
  }),
  stablelm: of("StableLmForCausalLM", "stablelm", { use_qkv_bias: true }),
  "stablelm side by side": of("StableLmForCausalLM", "stablelm", {
    use_parallel_residual: true,
    partial_rotary_factor: 0.5,
  }),
  cohere: of("CohereForCausalLM", "cohere", { tie_word_embeddings: true, logit_scale: 0.5 }),
  cohere2: of("Cohere2ForCausalLM", "cohere2", {
    num_hidden_layers: 5,
    tie_word_embeddings: true,
    logit_scale: 0.5,
    sliding_window: 16,
  }),
  glm: of("GlmForCausalLM", "glm", { head_dim: 32, partial_rotary_factor: 0.5 }),
  glm4: of("Glm4ForCausalLM", "glm4", { head_dim: 64, attention_bias: false }),
  arcee: of("ArceeForCausalLM", "arcee", { hidden_act: "relu2" }),
  nemotron: of("NemotronForCausalLM", "nemotron", { hidden_act: "relu2" }),
  deepseek_v2: of("DeepseekV2ForCausalLM", "deepseek_v2", {
    num_hidden_layers: 27,
    num_key_value_heads: 4,
    q_lora_rank: null,
    kv_lora_rank: 64,
    qk_nope_head_dim: 64,
    qk_rope_head_dim: 32,
    v_head_dim: 64,
    n_routed_experts: 6,
    n_shared_experts: 2,
    num_experts_per_tok: 2,
    moe_intermediate_size: 64,
    first_k_dense_replace: 1,
    routed_scaling_factor: 1.5,
    topk_method: "greedy",
  }),
};

/** Token ids for these models. */
export const GGUF_IDS: readonly number[] = Array.from(
  { length: 48 },
  (_, i) => (7 + 13 * i + 5 * i * i) % 96,
);

/** A byte-level tokenizer of 96 tokens: a line feed, two special ones and printable characters. */
function tokenizer(): JsonObject {
  const letters = Array.from({ length: 93 }, (_, i) => String.fromCharCode(0x21 + i));
  const vocab = Object.fromEntries(
    ["Ċ", "<s>", "</s>", ...letters].map((token, id) => [token, id]),
  );
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return {
    version: "1.0",
    added_tokens: [1, 2].map((id) => ({
      id,
      content: id === 1 ? "<s>" : "</s>",
      special: true,
      ...special,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: "BPE", vocab, merges: [] },
  };
}

/**
 * Parameters whose embeddings are small, more so where they are multiplied: the logits of heads that are tied to them
 * are not large, and what the blocks add counts.
 */
function parameters(type: unknown): (name: string, shape: readonly number[]) => Float32Array {
  const factor = /gemma|granite/.test(String(type)) ? 0.05 : 0.3;
  return (name, shape) => {
    const values = familyParameter(name, shape);
    const isEmbedding = /embed|wte|wpe/.test(name) && shape.length === 2;
    return isEmbedding ? values.map((value) => factor * value) : values;
  };
}

/** Writes a model of such a configuration, in F32, with a tokenizer into an existing directory. */
export async function writeGgufModel(directory: string, config: JsonObject): Promise<void> {
  const family = findFamily(config);
  const structure = family.describe(config, () => true);
  const tensors = tensorNames(ggufArchitecture(family, structure), structure)
    .map(({ name, shape, stored }) => [name, stored ?? shape] as const);
  await writeTinyModel(directory, config, {
    tensors,
    parameter: parameters(config.model_type),
  });
  await Deno.writeTextFile(`${directory}/tokenizer.json`, JSON.stringify(tokenizer()));
  const special = { bos_token: "<s>", eos_token: "</s>" };
  await Deno.writeTextFile(`${directory}/tokenizer_config.json`, JSON.stringify(special));
}
