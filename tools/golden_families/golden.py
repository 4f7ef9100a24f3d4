"""Golden logits of tiny models of a family, by transformers in fp32: tests/golden/families/NAME.json.

A case is the config.json of a tiny model. Its tensors are named and shaped as transformers saves them, and
their values come from an integer hash of name and index (the formula of tests/tiny_model.ts), so only the
configuration, the names, the token ids and some rows of the logits are kept. Attention is the eager one, or what
ATTENTION of the module says of a case.

    pip install torch transformers safetensors
    python tools/golden_families/golden.py MODULE [CASE...]     # MODULE.py in this folder has CASES
"""

import importlib
import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

OUT = Path(__file__).resolve().parent.parent.parent / "tests/golden/families"
LENGTH = 24
ROWS = [0, 9, 17, 23]


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
    """Biases about 0, other vectors (norms) about 1, matrices so that activations keep their size."""
    u = mix(name, math.prod(shape))
    if name.endswith("bias"):
        values = 0.5 * u
    elif len(shape) == 1:
        values = 1 + 0.5 * u
    elif any(part in name for part in ("embed", "wte", "wpe", "word")):
        values = 3.5 * u
    else:
        values = u * (3.5 / math.sqrt(shape[1]))
    return torch.from_numpy(values.reshape(shape)).to(torch.float32)


def digits(values: torch.Tensor) -> str:
    return " ".join(f"{v:.7g}" for v in values.flatten().tolist())


def golden(name: str, case: dict, attention: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "config.json").write_text(json.dumps(case))
        config = AutoConfig.from_pretrained(folder)
        auto = auto_class(config)
        model = auto.from_config(config, attn_implementation=attention, dtype=torch.float32)
        model.save_pretrained(folder)
        stored = load_file(path / "model.safetensors")
        tensors = {key: parameter(key, tuple(value.shape)) for key, value in stored.items()}
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
        (path / "config.json").write_text(json.dumps(case))
        model = auto.from_pretrained(
            folder, attn_implementation=attention, dtype=torch.float32
        ).eval()
        vocab = tensors_vocab(config)
        ids = [(7 + 13 * i + 5 * i * i) % vocab for i in range(LENGTH)]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0]
    print(name, f"largest logit {logits.abs().max():.4f}, {len(tensors)} tensors")
    return {
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "config": case,
        "tensors": [f"{key} {' '.join(map(str, value.shape))}" for key, value in tensors.items()],
        "ids": " ".join(map(str, ids)),
        "rows": " ".join(map(str, ROWS)),
        "logits": [digits(logits[row]) for row in ROWS],
    }


def auto_class(config):
    """Models that also see have a class of their own where they are not known as language models too."""
    known = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING
    return AutoModelForCausalLM if type(config) in known else transformers.AutoModelForImageTextToText


def tensors_vocab(config) -> int:
    return config.get_text_config().vocab_size


def main() -> None:
    module = importlib.import_module(sys.argv[1])
    OUT.mkdir(parents=True, exist_ok=True)
    for name, case in module.CASES.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        attention = getattr(module, "ATTENTION", {}).get(name, "eager")
        (OUT / f"{name}.json").write_text(json.dumps(golden(name, case, attention), indent=1) + "\n")


if __name__ == "__main__":
    main()
