"""Makes checkpoints with auto-round, which Salient has to read: docs/formats.md has the results.

    python tools/peer_checkpoints/auto_round_checkpoints.py MODEL DATA OUT [CASE...]

DATA is a JSON Lines file with `text`. Rounding is not tuned (iters 0), since the layout is what this is about. Each case becomes
a folder in OUT/ar-CASE.
"""

import os
import sys

from auto_round import AutoRound

CASES = {
    "auto_round-gptq": ("auto_round:auto_gptq", dict(scheme="W4A16")),
    "auto_round-gptqmodel": ("auto_round:gptqmodel", dict(scheme="W4A16", sym=False)),
    "auto_round-awq": ("auto_round:auto_awq", dict(scheme="W4A16", sym=False)),
    "auto_round-awq-sym": ("auto_round:auto_awq", dict(scheme="W4A16")),
    "auto_gptq": ("auto_gptq", dict(scheme="W4A16")),
    "auto_gptq-asym": ("auto_gptq", dict(scheme="W4A16", sym=False)),
    "auto_awq": ("auto_awq", dict(scheme="W4A16", sym=False)),
    "w2": ("auto_round", dict(bits=2, group_size=32, sym=True)),
    "w3": ("auto_round", dict(bits=3, group_size=32, sym=True)),
    "w8": ("auto_round", dict(scheme="W8A16")),
    "mixed": (
        "auto_round",
        dict(
            scheme="W4A16",
            layer_config={"model.layers.1.mlp.down_proj": {"bits": 8}, "model.layers.2.self_attn.q_proj": {"bits": 16}},
        ),
    ),
    "llmc": ("llm_compressor", dict(scheme="W8A16")),
    "mlx": ("mlx", dict(scheme="W4A16")),
}

directory, data, out, *wanted = sys.argv[1:]
for case in wanted or CASES:
    layout, options = CASES[case]
    path = os.path.join(out, f"ar-{case}")
    rounder = AutoRound(directory, device_map="cpu", iters=0, seqlen=256, nsamples=16, dataset=data, **options)
    rounder.quantize_and_save(path, format=layout)
    print("made", path, flush=True)
