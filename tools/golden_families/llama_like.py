"""Llama's relatives: one case for each family and each of its switches."""

SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
RMS = {"rms_norm_eps": 1e-5}
LAYER = {"layer_norm_eps": 1e-5}


def family(architecture: str, model_type: str, **more) -> dict:
    return SIZES | {"architectures": [architecture], "model_type": model_type} | more


PHI3 = family("Phi3ForCausalLM", "phi3", **RMS)
GEMMA = family("GemmaForCausalLM", "gemma", **RMS) | {"head_dim": 16, "tie_word_embeddings": True}
GEMMA2 = family("Gemma2ForCausalLM", "gemma2", **RMS) | {"head_dim": 16, "tie_word_embeddings": True}
GEMMA3 = family("Gemma3ForCausalLM", "gemma3_text", **RMS) | {"head_dim": 16, "tie_word_embeddings": True}
OLMO2 = family("Olmo2ForCausalLM", "olmo2", **RMS)
OLMO3 = family("Olmo3ForCausalLM", "olmo3", **RMS)
GRANITE = family("GraniteForCausalLM", "granite", **RMS)
STABLELM = family("StableLmForCausalLM", "stablelm", **LAYER)
COHERE = family("CohereForCausalLM", "cohere", **LAYER) | {"tie_word_embeddings": True}
COHERE2 = family("Cohere2ForCausalLM", "cohere2", **LAYER) | {"tie_word_embeddings": True}
GLM = family("GlmForCausalLM", "glm", **RMS) | {"head_dim": 16}
GLM4 = family("Glm4ForCausalLM", "glm4", **RMS) | {"head_dim": 16}
SMOLLM3 = family("SmolLM3ForCausalLM", "smollm3", **RMS)
NEMOTRON = family("NemotronForCausalLM", "nemotron", norm_eps=1e-5) | {"hidden_act": "relu2"}
LONG = {
    "type": "longrope",
    "short_factor": [1.0, 1.1, 1.25, 1.5],
    "long_factor": [1.05, 1.9, 3.0, 4.5],
}

CASES = {
    "phi3": PHI3,
    "phi3-window": PHI3 | {"sliding_window": 6, "num_key_value_heads": 4},
    "phi3-longrope-short": PHI3
    | {"max_position_embeddings": 128, "original_max_position_embeddings": 32, "rope_scaling": LONG},
    "phi3-longrope-long": PHI3
    | {
        "max_position_embeddings": 64,
        "original_max_position_embeddings": 8,
        "rope_theta": 1000.0,
        "rope_scaling": LONG | {"type": "su", "original_max_position_embeddings": 8},
    },
    "phi4-mini": PHI3
    | {
        "head_dim": 16,
        "hidden_size": 64,
        "partial_rotary_factor": 0.75,
        "tie_word_embeddings": True,
        "max_position_embeddings": 128,
        "original_max_position_embeddings": 16,
        "rope_scaling": {
            "type": "longrope",
            "short_factor": [1.0] * 6,
            "long_factor": [1.0, 1.2, 1.5, 2.5, 4.0, 6.0],
        },
    },
    "gemma": GEMMA | {"hidden_act": "gelu_pytorch_tanh"},
    "gemma-legacy-gelu-mqa": GEMMA | {"hidden_act": "gelu", "num_key_value_heads": 1},
    "gemma2": GEMMA2 | {"sliding_window": 5, "query_pre_attn_scalar": 24, "num_hidden_layers": 3},
    "gemma2-no-caps": GEMMA2
    | {
        "sliding_window": 4,
        "attn_logit_softcapping": None,
        "final_logit_softcapping": None,
        "layer_types": ["full_attention", "sliding_attention"],
        "attention_bias": True,
    },
    "gemma2-tight-caps": GEMMA2 | {"attn_logit_softcapping": 0.5, "final_logit_softcapping": 15.0},
    "gemma3": GEMMA3
    | {
        "sliding_window": 5,
        "sliding_window_pattern": 2,
        "query_pre_attn_scalar": 20,
        "num_hidden_layers": 3,
        "rope_theta": 5000.0,
        "rope_local_base_freq": 100.0,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
    },
    "gemma3-layer-types": GEMMA3
    | {
        "sliding_window": 7,
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 2000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
        },
        "final_logit_softcapping": 40.0,
    },
    "gemma3-conditional": {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "eos_token_id": [1, 106],
        "tie_word_embeddings": True,
        "mm_tokens_per_image": 4,
        "image_token_index": 63,
        "boi_token_index": 62,
        "eoi_token_index": 61,
        "text_config": {
            key: GEMMA3[key]
            for key in (
                "vocab_size",
                "hidden_size",
                "intermediate_size",
                "num_hidden_layers",
                "num_attention_heads",
                "num_key_value_heads",
                "head_dim",
            )
        }
        | {"model_type": "gemma3_text", "sliding_window": 6, "sliding_window_pattern": 2},
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
    },
    "olmo2": OLMO2,
    "olmo2-biases-mha": OLMO2 | {"attention_bias": True, "num_key_value_heads": 4, "rope_theta": 500.0},
    "olmo3": OLMO3
    | {
        "sliding_window": 5,
        "layer_types": ["sliding_attention", "full_attention"],
        "max_position_embeddings": 64,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
            "full_attention": {
                "rope_type": "yarn",
                "rope_theta": 500.0,
                "factor": 4.0,
                "original_max_position_embeddings": 16,
                "beta_fast": 4.0,
            },
        },
    },
    "olmo3-every-fourth": OLMO3
    | {
        "sliding_window": 6,
        "num_hidden_layers": 4,
        "rope_theta": 500000,
        "rope_scaling": {"rope_type": "linear", "factor": 3.0},
    },
    "granite": GRANITE
    | {
        "embedding_multiplier": 12.0,
        "logits_scaling": 8.0,
        "residual_multiplier": 0.22,
        "attention_multiplier": 0.2,
        "tie_word_embeddings": True,
    },
    "granite-biases": GRANITE
    | {"attention_bias": True, "mlp_bias": True, "residual_multiplier": 0.5, "rope_theta": 300.0},
    "stablelm": STABLELM | {"partial_rotary_factor": 0.25},
    "stablelm-parallel": STABLELM
    | {"use_parallel_residual": True, "use_qkv_bias": True, "partial_rotary_factor": 0.5},
    "cohere": COHERE | {"logit_scale": 0.25},
    "cohere-qk-norm-biases": COHERE | {"use_qk_norm": True, "attention_bias": True},
    "cohere2": COHERE2
    | {"sliding_window": 5, "sliding_window_pattern": 2, "num_hidden_layers": 3, "logit_scale": 0.5},
    "cohere2-layer-types": COHERE2
    | {"sliding_window": 6, "layer_types": ["full_attention", "sliding_attention"]},
    "glm": GLM | {"partial_rotary_factor": 0.5, "attention_bias": True},
    "glm-no-biases": GLM | {"attention_bias": False, "partial_rotary_factor": 0.25},
    "glm4": GLM4 | {"partial_rotary_factor": 0.5},
    "glm4-biases": GLM4 | {"attention_bias": True, "partial_rotary_factor": 1.0, "rope_theta": 500.0},
    "smollm3": SMOLLM3 | {"num_hidden_layers": 4, "tie_word_embeddings": True},
    "smollm3-list-window": SMOLLM3
    | {
        "no_rope_layers": [0, 1],
        "use_sliding_window": True,
        "sliding_window": 5,
        "attention_bias": True,
        "mlp_bias": True,
    },
    "nemotron": NEMOTRON | {"partial_rotary_factor": 0.5},
    "nemotron-biases-relu": NEMOTRON | {"attention_bias": True, "mlp_bias": True, "hidden_act": "relu"},
    "olmo": family("OlmoForCausalLM", "olmo"),
    "olmo-biases": family("OlmoForCausalLM", "olmo") | {"attention_bias": True, "tie_word_embeddings": True},
    "ministral": family("MinistralForCausalLM", "ministral", **RMS)
    | {"head_dim": 16, "sliding_window": 5, "layer_types": ["full_attention", "sliding_attention"]},
    "arcee": family("ArceeForCausalLM", "arcee", **RMS)
    | {"hidden_act": "relu2", "attention_bias": True, "mlp_bias": True},
    "seed-oss": family("SeedOssForCausalLM", "seed_oss", **RMS)
    | {"head_dim": 16, "attention_bias": True, "attention_out_bias": False, "mlp_bias": False},
    "ernie4_5": family("Ernie4_5ForCausalLM", "ernie4_5", **RMS)
    | {"head_dim": 16, "use_bias": True, "tie_word_embeddings": True},
    "helium": family("HeliumForCausalLM", "helium", **RMS) | {"head_dim": 8, "attention_bias": True},
    "exaone4": family("Exaone4ForCausalLM", "exaone4", **RMS)
    | {"sliding_window": 5, "sliding_window_pattern": 3, "num_hidden_layers": 3},
    "exaone4-no-window": family("Exaone4ForCausalLM", "exaone4", **RMS)
    | {"sliding_window": None, "layer_types": ["full_attention"] * 2},
    "mistral3": {
        "architectures": ["Mistral3ForConditionalGeneration"],
        "model_type": "mistral3",
        "image_token_index": 63,
        "spatial_merge_size": 2,
        "tie_word_embeddings": False,
        "text_config": {key: SIZES[key] for key in SIZES if key != "tie_word_embeddings"}
        | {"model_type": "mistral", "head_dim": 16, "sliding_window": None, "rope_theta": 500.0, **RMS},
        "vision_config": {
            "model_type": "pixtral",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "head_dim": 8,
            "image_size": 28,
            "patch_size": 14,
        },
    },
}
