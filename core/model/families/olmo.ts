/**
 * OLMo 1: Llama with layer norms that have neither weight nor bias.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `OlmoForCausalLM`. */
export const olmo: Family = llamaLike({
  name: "olmo",
  architectures: ["OlmoForCausalLM"],
  defaults: { layer_norm_eps: 1e-5 },
  keys: { normEps: "layer_norm_eps" },
  only: { clip_qkv: [] },
  biases: { q: "attention_bias", k: "attention_bias", v: "attention_bias", o: "attention_bias" },
  norms: {
    kind: "layer",
    plain: true,
    attention: "input_layernorm",
    mlp: "post_attention_layernorm",
  },
});
