"""Families with layer norms: OPT, GPT-2 and its heirs, GPT-NeoX, Phi, Falcon, Bloom, MPT, StarCoder."""

IDS = {"bos_token_id": 1, "eos_token_id": 2}

OPT = IDS | {
    "architectures": ["OPTForCausalLM"],
    "model_type": "opt",
    "vocab_size": 64,
    "hidden_size": 32,
    "ffn_dim": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "word_embed_proj_dim": 32,
    "pad_token_id": 1,
}

GPT2 = IDS | {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "vocab_size": 64,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
}

NEO = IDS | {
    "architectures": ["GPTNeoForCausalLM"],
    "model_type": "gpt_neo",
    "vocab_size": 64,
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 4,
    "max_position_embeddings": 64,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 7,
}

NEOX = IDS | {
    "architectures": ["GPTNeoXForCausalLM"],
    "model_type": "gpt_neox",
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}

GPTJ = IDS | {
    "architectures": ["GPTJForCausalLM"],
    "model_type": "gptj",
    "vocab_size": 64,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "n_inner": 48,
    "rotary_dim": 4,
}

PHI = IDS | {
    "architectures": ["PhiForCausalLM"],
    "model_type": "phi",
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}

FALCON = IDS | {
    "architectures": ["FalconForCausalLM"],
    "model_type": "falcon",
    "vocab_size": 64,
    "hidden_size": 32,
    "ffn_hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}

BLOOM = IDS | {
    "architectures": ["BloomForCausalLM"],
    "model_type": "bloom",
    "vocab_size": 64,
    "hidden_size": 32,
    "n_layer": 2,
    "n_head": 4,
}

MPT = {
    "architectures": ["MptForCausalLM"],
    "model_type": "mpt",
    "vocab_size": 64,
    "d_model": 32,
    "n_layers": 2,
    "n_heads": 4,
    "max_seq_len": 64,
}

BIGCODE = IDS | {
    "architectures": ["GPTBigCodeForCausalLM"],
    "model_type": "gpt_bigcode",
    "vocab_size": 64,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "n_inner": 48,
}

STARCODER2 = IDS | {
    "architectures": ["Starcoder2ForCausalLM"],
    "model_type": "starcoder2",
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}

CASES = {
    "opt": OPT,
    "opt_350m": OPT | {"do_layer_norm_before": False, "word_embed_proj_dim": 16},
    "opt_no_biases": OPT
    | {"enable_bias": False, "activation_function": "gelu", "_remove_final_layer_norm": True},
    "gpt2": GPT2,
    "gpt2_scales": GPT2
    | {"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True, "n_inner": 48},
    "gpt2_unscaled": GPT2
    | {"scale_attn_weights": False, "tie_word_embeddings": False, "activation_function": "relu"},
    "gpt_bigcode": BIGCODE,
    "gpt_bigcode_heads": BIGCODE | {"multi_query": False, "scale_attn_weights": False},
    "gpt_neo": NEO,
    "gpt_neo_global": NEO | {"attention_types": [[["global"], 2]], "intermediate_size": 48},
    "gpt_neox": NEOX | {"rotary_pct": 0.25, "rotary_emb_base": 5000},
    "gpt_neox_sequential": NEOX
    | {
        "use_parallel_residual": False,
        "attention_bias": False,
        "rotary_pct": 1.0,
        "rope_scaling": {"type": "linear", "factor": 2.0},
        "hidden_act": "gelu_fast",
    },
    "gpt_neox_rope_parameters": NEOX
    | {
        "rope_parameters": {"rope_type": "default", "rope_theta": 2000.0, "partial_rotary_factor": 0.5},
        "tie_word_embeddings": True,
    },
    "gptj": GPTJ,
    "phi": PHI,
    "phi_grouped": PHI
    | {
        "num_key_value_heads": 2,
        "qk_layernorm": True,
        "partial_rotary_factor": 0.75,
        "rope_theta": 1000.0,
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    },
    "falcon_7b": FALCON,
    "falcon_40b": FALCON
    | {"new_decoder_architecture": True, "num_kv_heads": 2, "tie_word_embeddings": False},
    "falcon_11b": FALCON
    | {
        "new_decoder_architecture": True,
        "num_kv_heads": 2,
        "num_ln_in_parallel_attn": 1,
        "rope_theta": 500042.0,
    },
    "falcon_rw": FALCON
    | {"alibi": True, "bias": True, "multi_query": False, "parallel_attn": False},
    "falcon_six_heads": FALCON
    | {"hidden_size": 48, "num_attention_heads": 6, "alibi": True, "bias": True},
    "bloom": BLOOM,
    "bloom_six_heads": BLOOM | {"hidden_size": 48, "n_head": 6, "tie_word_embeddings": False},
    "mpt": MPT,
    "mpt_six_heads": MPT
    | {"d_model": 48, "n_heads": 6, "attn_config": {"softmax_scale": 0.3, "alibi_bias_max": 8}},
    "starcoder2": STARCODER2,
    "starcoder2_window": STARCODER2
    | {"use_bias": False, "sliding_window": 9, "num_key_value_heads": 4, "tie_word_embeddings": False},
}

# Falcon's eager attention of transformers 5.23 adds linear biases twice: in the mask and to the scores.
ATTENTION = {"falcon_rw": "sdpa", "falcon_six_heads": "sdpa"}
