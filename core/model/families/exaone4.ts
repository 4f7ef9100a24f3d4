/**
 * EXAONE 4: norms on what each half adds and on each head; blocks without a window are not turned, where there are windows.
 *
 * @module
 */

import type { Family } from "../family.ts";
import { llamaLike } from "./llama_like.ts";

/** The family of `Exaone4ForCausalLM`. */
export const exaone4: Family = llamaLike({
  name: "exaone4",
  architectures: ["Exaone4ForCausalLM"],
  defaults: { rms_norm_eps: 1e-5, sliding_window: 4096, sliding_window_pattern: 4 },
  norms: {
    postAttention: "post_attention_layernorm",
    postMlp: "post_feedforward_layernorm",
    heads: { q: "self_attn.q_norm", k: "self_attn.k_norm", over: "head" },
  },
  windows: { blocks: "layer_types", every: "sliding_window_pattern" },
  rope: { blocks: "windowedOrAll" },
});
