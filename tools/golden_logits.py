"""Makes tests/golden/tiny_logits.json: logits of tiny models of every family, by transformers in fp32.

Parameters come from an integer hash of their name and index (the formula of tests/tiny_model.ts), so only
the configuration, the token ids and some rows of the logits are kept. Attention is the eager one.

    pip install torch transformers
    python tools/golden_logits.py
"""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/golden/tiny_logits.json"
LENGTH = 28
ROWS = [0, 9, 18, 26, 27]
# The opening of Moby-Dick (public domain).
TEXT = (
    "Call me Ishmael. Some years ago - never mind how long precisely - having little or no money in my "
    "purse, and nothing particular to interest me on shore, I thought I would sail about a little and see "
    "the watery part of the world. It is a way I have of driving off the spleen and regulating the "
    "circulation. Whenever I find myself growing grim about the mouth; whenever it is a damp, drizzly "
    "November in my soul; then, I account it high time to get to sea as soon as I can."
)

SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA = SIZES | {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
MISTRAL = SIZES | {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
QWEN2 = SIZES | {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
QWEN3 = SIZES | {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "head_dim": 16}
GQA = {"num_key_value_heads": 2}

CASES = {
    "llama": LLAMA | {"rope_theta": 10000.0},
    "llama-gqa-tied": LLAMA | GQA | {"tie_word_embeddings": True},
    "llama-head-dim": LLAMA | GQA | {"head_dim": 16},
    "llama-biases": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "llama-gelu": LLAMA | {"hidden_act": "gelu"},
    "llama-gelu-tanh": LLAMA | {"hidden_act": "gelu_pytorch_tanh"},
    "llama-linear": LLAMA | {"rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 2.5}},
    "llama-dynamic": LLAMA | {
        "max_position_embeddings": 64,
        "rope_scaling": {"type": "dynamic", "factor": 4.0},
    },
    "llama-dynamic-beyond": LLAMA | {
        "max_position_embeddings": 16,
        "rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 5000.0},
    },
    "llama-llama3": LLAMA | GQA | {
        "head_dim": 16,
        "rope_theta": 500.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    },
    "llama-yarn": LLAMA | {
        "head_dim": 16,
        "max_position_embeddings": 1024,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 100.0,
            "factor": 4.0,
            "original_max_position_embeddings": 256,
            "beta_fast": 4.0,
        },
    },
    "llama-yarn-mscale": LLAMA | {
        "head_dim": 16,
        "max_position_embeddings": 1024,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 100.0,
            "factor": 4.0,
            "original_max_position_embeddings": 256,
            "beta_fast": 3.0,
            "beta_slow": 0.5,
            "mscale": 1.2,
            "mscale_all_dim": 0.8,
            "truncate": False,
        },
    },
    "llama-yarn-attention-factor": LLAMA | {
        "rope_theta": 1000.0,
        "rope_scaling": {
            "type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 16,
            "attention_factor": 1.3,
        },
    },
    "mistral-window": MISTRAL | GQA | {"sliding_window": 7},
    "mistral-full": MISTRAL | GQA | {"sliding_window": None, "head_dim": 16},
    "qwen2": QWEN2 | GQA | {"use_sliding_window": False, "sliding_window": 5, "max_window_layers": 1},
    "qwen2-window-upper": QWEN2 | GQA | {
        "use_sliding_window": True,
        "sliding_window": 5,
        "max_window_layers": 1,
        "tie_word_embeddings": True,
    },
    "qwen2-layer-types": QWEN2 | GQA | {
        "use_sliding_window": True,
        "sliding_window": 6,
        "max_window_layers": 0,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "qwen3": QWEN3 | GQA | {"rope_theta": 1000000.0, "tie_word_embeddings": True},
    "qwen3-biases-window": QWEN3 | GQA | {
        "attention_bias": True,
        "use_sliding_window": True,
        "sliding_window": 4,
        "max_window_layers": 1,
    },
    "smollm": LLAMA | {
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "rope_theta": 100000.0,
        "tie_word_embeddings": True,
    },
}


def mix(name: str, count: int) -> np.ndarray:
    """Numbers in [-0.5, 0.5) from an FNV-1a hash of the name and a bit mixer of the index."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = (seed + np.arange(count, dtype=np.uint64) * 0x9E3779B1) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 0x2C1B3C6D) & 0xFFFFFFFF
    x ^= x >> 12
    x = (x * 0x297A2D39) & 0xFFFFFFFF
    x ^= x >> 15
    return (x & 0xFFFF).astype(np.float64) / 65536 - 0.5


def parameter(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Norms about 1, biases about 0, embeddings and weights so that activations keep their size."""
    u = mix(name, math.prod(shape))
    if name.endswith("norm.weight"):
        values = 1 + 0.5 * u
    elif name.endswith(".bias"):
        values = 0.5 * u
    elif name.endswith("embed_tokens.weight"):
        values = 3.5 * u
    else:
        values = u * (3.5 / math.sqrt(shape[1]))
    return torch.from_numpy(values.reshape(shape)).to(torch.float32)


def token_ids(vocab: int) -> list[int]:
    return [(7 + 13 * i + 5 * i * i) % vocab for i in range(LENGTH)]


def digits(values: torch.Tensor) -> str:
    """Seven digits of each value, in one line: a list would take a line of the file for each."""
    return " ".join(f"{v:.7g}" for v in values.flatten().tolist())


def logits_of(config_json: dict) -> torch.Tensor:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config_json))
        config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(
        config, attn_implementation="eager", dtype=torch.float32
    ).eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.copy_(parameter(name, tuple(tensor.shape)))
        return model(torch.tensor([token_ids(config.vocab_size)])).logits[0]


def embedded_model() -> dict:
    """Some logits, the perplexity and a greedy continuation of models/salient-tiny on one text."""
    model = AutoModelForCausalLM.from_pretrained(
        ROOT / "models/salient-tiny", attn_implementation="eager", dtype=torch.float32
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models/salient-tiny")
    ids = tokenizer(TEXT)["input_ids"]
    length = 32
    windows = len(ids) // length
    losses = []
    with torch.no_grad():
        for w in range(windows):
            x = torch.tensor([ids[w * length : (w + 1) * length]])
            losses.append(model(x, labels=x).loss.item())
        last = model(torch.tensor([ids[:length]])).logits[0, -1]
        prompt = torch.tensor([ids[:8]])
        greedy = model.generate(prompt, max_new_tokens=16, do_sample=False)[0, 8:].tolist()
    return {
        "text": TEXT,
        "ids": " ".join(map(str, ids)),
        "seqLen": length,
        "windows": windows,
        "perplexity": float(f"{math.exp(sum(losses) / windows):.7g}"),
        "lastLogits": digits(last[:64]),
        "greedy": " ".join(map(str, greedy)),
        "greedyText": tokenizer.decode(greedy),
    }


def main() -> None:
    cases = []
    for name, config in CASES.items():
        logits = logits_of(config)
        cases.append({
            "name": name,
            "config": config,
            "rows": " ".join(map(str, ROWS)),
            "logits": [digits(logits[row]) for row in ROWS],
        })
        print(name, f"{logits.abs().max():.4f}")
    golden = {
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "ids": " ".join(map(str, token_ids(SIZES["vocab_size"]))),
        "cases": cases,
        "salientTiny": embedded_model(),
    }
    OUT.write_text(json.dumps(golden, indent=2) + "\n")
    print(golden["salientTiny"])


if __name__ == "__main__":
    main()
