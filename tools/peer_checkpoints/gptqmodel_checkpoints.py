"""Makes checkpoints with GPTQModel, which Salient has to read: docs/formats.md has the results.

    python tools/peer_checkpoints/gptqmodel_checkpoints.py MODEL TEXT OUT [CASE...]

TEXT is calibrated on, 24 pieces of 1,200 characters. Each case becomes OUT/gm-CASE.
"""

import os
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
from gptqmodel import GPTQModel, QuantizeConfig

ORDERED = dict(desc_act=True, act_group_aware=False)
CASES = {
    "4b-g128": dict(bits=4, group_size=128),
    "4b-g32-desc_act": dict(bits=4, group_size=32, **ORDERED),
    "4b-g128-desc_act": dict(bits=4, group_size=128, **ORDERED),
    "4b-v2-asym": dict(bits=4, group_size=64, sym=False, format="gptq_v2"),
    "4b-v1-asym": dict(bits=4, group_size=64, sym=False),
    "3b": dict(bits=3, group_size=32),
    "3b-v2-asym-desc_act": dict(bits=3, group_size=32, sym=False, format="gptq_v2", **ORDERED),
    "2b": dict(bits=2, group_size=32),
    "8b": dict(bits=8, group_size=-1, act_group_aware=False),
    "5b": dict(bits=5, group_size=32),
    "6b": dict(bits=6, group_size=32),
    "7b": dict(bits=7, group_size=32),
    "dynamic": dict(
        bits=4,
        group_size=128,
        dynamic={
            r"+:.*\.down_proj.*": {"bits": 8, "group_size": 32},
            r"-:.*layers\.0\..*": {},
            r".*\.2\.mlp\.up.*": {"desc_act": True},
        },
    ),
    "awq": dict(bits=4, group_size=128, quant_method="awq", format="gemm"),
    "awq-sym": dict(bits=4, group_size=32, quant_method="awq", format="gemm", sym=True),
}

directory, text, out, *wanted = sys.argv[1:]
pieces = [open(text).read()[i * 1200 : (i + 1) * 1200] for i in range(24)]
for case in wanted or CASES:
    model = GPTQModel.load(directory, QuantizeConfig(**CASES[case]), device="cpu")
    model.quantize(pieces, batch_size=1)
    path = os.path.join(out, f"gm-{case}")
    model.save(path)
    print("made", path, flush=True)
