"""Checks int-quantized checkpoints of Salient with compressed-tensors and transformers.

    python tools/check_int_quantized.py CHECKPOINT... > logits.json

Decompresses every linear with compressed-tensors and compares it with integer * scale; then loads the checkpoint with
transformers, rounds activations as the engines' kernels do (max|x| / 127 for each token; transformers itself, which only
simulates, takes 127.5) and prints the logits of a few tokens for each checkpoint. Development only: needs torch,
transformers, compressed-tensors.
"""

import json
import sys

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationConfig
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def decompressed_alike(directory):
    """Number of linears, all of which decompress to integer * scale."""
    tensors = load_file(f"{directory}/model.safetensors")
    with open(f"{directory}/config.json", encoding="utf-8") as file:
        config = QuantizationConfig.model_validate(json.load(file)["quantization_config"])
    scheme = config.config_groups["group_0"]
    compressor = BaseCompressor.load_from_registry(config.format)
    count = 0
    for name in [key for key in tensors if key.endswith(".weight_scale")]:
        base = name.removesuffix(".weight_scale")
        weight, scale = tensors[f"{base}.weight"], tensors[name]
        found = compressor.decompress({"weight": weight, "weight_scale": scale}, scheme)["weight"]
        rows, groups = scale.shape
        expected = (weight.float().reshape(rows, groups, -1) * scale.float()[:, :, None]).reshape(weight.shape)
        assert torch.equal(found, expected.to(found.dtype)), base
        count += 1
    return count


def rounding(module, inputs):
    (x,) = inputs
    scale = getattr(module, "input_scale", None)
    if scale is None or scale.numel() == 0:
        scale = x.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5) / 127
    return (torch.clamp(torch.round(x / scale), -128, 127) * scale,)


def logits(directory, ids):
    model = AutoModelForCausalLM.from_pretrained(directory, torch_dtype=torch.float32)
    for name, module in model.named_modules():
        if getattr(module, "quantization_scheme", None) is not None:
            module.quantization_enabled = False
            module.register_forward_pre_hook(rounding)
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


if __name__ == "__main__":
    ids = [35, 461, 457, 12, 99, 300, 7, 1024, 5, 66]
    found = {}
    for directory in sys.argv[1:]:
        print(f"{directory}: {decompressed_alike(directory)} linears alike", file=sys.stderr)
        found[directory] = {"ids": ids, "logits": logits(directory, ids).flatten().tolist()}
    json.dump(found, sys.stdout)
