"""Makes tests/golden/ggml_blocks.json: random blocks of every type that is read, and their values by the package gguf of
llama.cpp's authors, as base64. Run: python tools/golden_ggml_blocks.py > tests/golden/ggml_blocks.json"""

import base64
import json

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Where the fp16 scales of a block lie: random bytes there would often be infinite, so the exponent is kept small.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0], "IQ4_XS": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
random = np.random.default_rng(7)
golden = {}
for name, offsets in SCALES.items():
    kind = GGMLQuantizationType[name]
    values, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (512 // values, size), dtype=np.uint8)
    for at in offsets:
        blocks[:, at + 1] &= 0xBB
    found = dequantize(blocks, kind).astype(np.float32)
    assert np.isfinite(found).all()
    golden[name] = {
        "blocks": base64.b64encode(blocks.tobytes()).decode(),
        "values": base64.b64encode(found.tobytes()).decode(),
    }
print(json.dumps(golden, indent=1))
