"""Makes tests/golden/compressed_words.json with the packers of compressed-tensors 0.19.0: for each number of bits random integers
and zero points of a linear [40, 64] in groups of 32 and the words they are stored as; and the values of all F8_E4M3 numbers by
torch. All as base64. Run: python tools/golden_compressed_tensors.py > tests/golden/compressed_words.json"""

import base64
import json

import numpy as np
import torch
from compressed_tensors.compressors.pack_quantized import pack_to_int32

OUTPUTS, INPUTS, GROUP = 40, 64, 32


def text(tensor, dtype):
    return base64.b64encode(tensor.contiguous().numpy().astype(dtype).tobytes()).decode()


packed = []
for bits in range(2, 9):
    torch.manual_seed(bits)
    middle = 2 ** (bits - 1)
    codes = torch.randint(0, 2 * middle, (OUTPUTS, INPUTS))
    zeros = torch.randint(0, 2 * middle, (OUTPUTS, INPUTS // GROUP))
    packed.append({
        "bits": bits,
        "codes": text(codes, np.uint8),
        "zeros": text(zeros, np.uint8),
        "weight_packed": text(pack_to_int32((codes - middle).to(torch.int8), bits), np.int32),
        "weight_zero_point": text(pack_to_int32((zeros - middle).to(torch.int8), bits, packed_dim=0), np.int32),
    })
floats = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float()
print(json.dumps({"packed": packed, "float8": text(floats, np.float32)}, indent=1))
