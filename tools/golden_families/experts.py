"""Mixtures of experts: Mixtral, Qwen2-MoE, Qwen3-MoE, OLMoE."""

from llama import SIZES

MIXTRAL = SIZES | {
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
}
QWEN2_MOE = SIZES | {
    "architectures": ["Qwen2MoeForCausalLM"],
    "model_type": "qwen2_moe",
    "num_experts": 6,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 24,
    "decoder_sparse_step": 1,
    "norm_topk_prob": False,
}
QWEN3_MOE = SIZES | {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "head_dim": 16,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "norm_topk_prob": True,
}
OLMOE = SIZES | {
    "architectures": ["OlmoeForCausalLM"],
    "model_type": "olmoe",
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "norm_topk_prob": False,
}

CASES = {
    "mixtral": MIXTRAL,
    "mixtral_window": MIXTRAL | {"sliding_window": 7, "num_experts_per_tok": 1, "num_key_value_heads": 4},
    "qwen2_moe": QWEN2_MOE,
    "qwen2_moe_sparse_step": QWEN2_MOE
    | {"decoder_sparse_step": 2, "norm_topk_prob": True, "tie_word_embeddings": True},
    "qwen3_moe": QWEN3_MOE,
    "qwen3_moe_dense_layers": QWEN3_MOE
    | {"mlp_only_layers": [0], "norm_topk_prob": False, "attention_bias": True},
    "olmoe": OLMOE,
    "olmoe_normalized": OLMOE | {"norm_topk_prob": True, "attention_bias": True, "num_key_value_heads": 4},
}
