/**
 * Gemma 1: Llama with an embedding times the root of its width, and norms that store weight - 1.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `GemmaForCausalLM`. */
export const gemma: Family = llamaLike({
  name: "gemma",
  architectures: ["GemmaForCausalLM"],
  defaults: {
    vocab_size: 256000,
    head_dim: 256,
    max_position_embeddings: 8192,
    hidden_act: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
  },
  only: { use_bidirectional_attention: [false] },
  // Early configurations say gelu and mean its approximation.
  activations: { gelu: "gelu_tanh" },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: { offset: 1, attention: "input_layernorm", mlp: "post_attention_layernorm" },
  embeddingScale: [{ key: "hidden_size", power: 0.5 }],
  embeddingScaleRounded: true,
});
