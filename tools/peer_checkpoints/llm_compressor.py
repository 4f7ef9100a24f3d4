"""Makes checkpoints with llm-compressor, which Salient has to read: docs/formats.md has the results.

    python tools/peer_checkpoints/llm_compressor.py MODEL TEXT OUT [CASE...]

TEXT is calibrated on, 32 windows of 256 tokens. Each case becomes OUT/llmc-CASE.
"""

import os
import sys

import torch
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier
from transformers import AutoModelForCausalLM, AutoTokenizer


def weights(**change):
    return dict(num_bits=4, type="int", symmetric=True, strategy="group", group_size=128, dynamic=False) | change


def rows(**change):
    return weights(strategy="channel", group_size=None) | change


def group(arguments, targets=("Linear",), inputs=None):
    return dict(targets=list(targets), weights=arguments, input_activations=inputs)


def modifier(kind, ignore=("lm_head",), **options):
    return lambda: kind(ignore=list(ignore), **options)


def scheme(name, kind=QuantizationModifier):
    return modifier(kind, targets="Linear", scheme=name)


def groups(*all, kind=QuantizationModifier, ignore=("lm_head",)):
    return modifier(kind, ignore, config_groups={f"group_{i}": each for i, each in enumerate(all)})


STATIC = dict(num_bits=8, type="int", symmetric=True, strategy="tensor", dynamic=False)
DYNAMIC = dict(num_bits=8, type="int", symmetric=True, strategy="token", dynamic=True)
CASES = {
    "rtn-w4a16": scheme("W4A16"),
    "rtn-w4a16-asym": scheme("W4A16_ASYM"),
    "rtn-w8a16": scheme("W8A16"),
    "rtn-w8-asym-g64": groups(group(weights(num_bits=8, symmetric=False, group_size=64))),
    "rtn-w3-channel": groups(group(rows(num_bits=3))),
    "rtn-w5-asym": groups(group(weights(num_bits=5, symmetric=False))),
    "gptq-w4a16": scheme("W4A16", GPTQModifier),
    "gptq-weight": groups(group(weights(actorder="weight", group_size=32)), kind=GPTQModifier),
    "gptq-static": groups(group(weights(actorder="static", group_size=32, symmetric=False)), kind=GPTQModifier),
    "w8a8": scheme("W8A8"),
    "int8-static": groups(group(rows(num_bits=8), inputs=STATIC)),
    "fp8": scheme("FP8"),
    "fp8-dynamic": scheme("FP8_DYNAMIC"),
    "fp8-block": scheme("FP8_BLOCK"),
    "nvfp4a16": scheme("NVFP4A16"),
    "mixed-re": groups(
        group(rows(num_bits=8), ["re:.*self_attn.*"]),
        group(weights(group_size=64, symmetric=False), ["re:.*mlp.(gate|up)_proj$"]),
        ignore=["lm_head", "re:.*layers.0.self_attn.*"],
    ),
    "mixed-formats": groups(
        group(rows(num_bits=8), ["re:.*self_attn.*"], DYNAMIC),
        group(weights(group_size=64), ["re:.*mlp.*"]),
    ),
}

directory, text, out, *wanted = sys.argv[1:]
for case in wanted or CASES:
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    ids = tokenizer(open(text).read())["input_ids"]
    windows = [ids[i * 256 : (i + 1) * 256] for i in range(32)]
    data = Dataset.from_list([{"input_ids": window, "attention_mask": [1] * 256} for window in windows])
    oneshot(model=model, dataset=data, recipe=CASES[case](), max_seq_length=256, num_calibration_samples=32)
    path = os.path.join(out, f"llmc-{case}")
    model.save_pretrained(path, save_compressed=True)
    tokenizer.save_pretrained(path)
    print("made", path, flush=True)
