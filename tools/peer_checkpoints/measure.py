"""Perplexity of checkpoints as other programs read them, to be compared with `salient eval --seq-len 256`.

    python tools/peer_checkpoints/measure.py TEXT DIRECTORY...

transformers loads them (compressed-tensors and auto-round unpack for it), or GPTQModel where that is installed; weights are made fp32, and
activations are not rounded, so that the weights alone are compared.
"""

import json
import os
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

try:
    from gptqmodel import BACKEND, GPTQModel
except ImportError:
    GPTQModel = None


def load(directory):
    method = json.load(open(os.path.join(directory, "config.json")))["quantization_config"]["quant_method"]
    if GPTQModel is not None and method in ("gptq", "awq"):
        backend = BACKEND.GPTQ_TORCH if method == "gptq" else BACKEND.AWQ_TORCH
        model = GPTQModel.load(directory, backend=backend, device="cpu", dtype=torch.float16).model
        for name, module in list(model.named_modules()):
            if hasattr(module, "dequantize_weight"):
                weight = module.dequantize_weight().float().T.contiguous()
                linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
                linear.weight.data, linear.bias = weight, module.bias
                parent, child = name.rsplit(".", 1)
                setattr(model.get_submodule(parent), child, linear)
        return model
    options = {}
    if method == "compressed-tensors":
        from transformers import CompressedTensorsConfig

        options["quantization_config"] = CompressedTensorsConfig(run_compressed=False)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype="auto", device_map="cpu", **options)
    for module in model.modules():
        if hasattr(module, "quantization_scheme"):
            module.quantization_enabled = False
    return model


text, *directories = sys.argv[1:]
for directory in directories:
    model = load(directory).float()
    ids = AutoTokenizer.from_pretrained(directory)(open(text).read(), return_tensors="pt")["input_ids"][0]
    windows = ids[: len(ids) // 256 * 256].view(-1, 256)
    with torch.no_grad():
        logits = model(windows).logits[:, :-1].float()
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
    print(directory, float(torch.exp(loss.double())), flush=True)
