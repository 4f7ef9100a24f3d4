"""Makes tests/golden/gptqmodel_words.json with the packers of GPTQModel 7.7.0: for each number of bits random integers and zero points of
a linear [32, 64] in groups of 32, the words that GPTQModel stores for them (zero points as version 2 and planar have them, and as
version 1 by its own conversion), as base64. Run: python tools/golden_gptqmodel.py > tests/golden/gptqmodel_words.json"""

import base64
import json
import os

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import sys

from types import SimpleNamespace

import numpy as np
import torch

out, sys.stdout = sys.stdout, sys.stderr  # it prints a banner
from gptqmodel.nn_modules.qlinear.torch import TorchLinear
from gptqmodel.quantization import FORMAT
from gptqmodel.utils.model import convert_gptq_v2_to_v1_format_module

OUTPUTS, INPUTS, GROUP = 32, 64, 32


def text(tensor, dtype):
    return base64.b64encode(tensor.numpy().astype(dtype).tobytes()).decode()


golden = []
for bits, format in [(2, FORMAT.GPTQ_V2), (3, FORMAT.GPTQ_V2), (4, FORMAT.GPTQ_V2), (8, FORMAT.GPTQ_V2),
                     (3, FORMAT.GPTQ_P), (5, FORMAT.GPTQ_P), (6, FORMAT.GPTQ_P), (7, FORMAT.GPTQ_P)]:
    torch.manual_seed(bits)
    most = 2**bits - 1
    codes = torch.randint(0, most + 1, (OUTPUTS, INPUTS))
    zeros = torch.randint(1, most + 1, (OUTPUTS, INPUTS // GROUP))  # version 1 has no 0
    scales = (0.5 + torch.rand(OUTPUTS, INPUTS // GROUP)).half()
    owners = torch.randperm(INPUTS) // GROUP if bits in (4, 5) else torch.arange(INPUTS) // GROUP
    linear = torch.nn.Linear(INPUTS, OUTPUTS, bias=False)
    linear.weight.data = (codes - zeros[:, owners]).float() * scales[:, owners].float()
    module = TorchLinear(
        bits=bits, group_size=GROUP, sym=False, desc_act=bits in (4, 5), in_features=INPUTS, out_features=OUTPUTS,
        bias=False, pack_dtype=torch.int32, adapter=None, register_buffers=True, format=format,
    )
    module.pack(linear, scales.float().clone(), zeros.clone(), owners.to(torch.int32))
    entry = {
        "format": "gptq-p" if format == FORMAT.GPTQ_P else "gptq-v2",
        "bits": bits,
        "groups": text(owners, np.uint8),
        "codes": text(codes, np.uint8),
        "zeros": text(zeros, np.uint8),
        "scales": text(scales, np.float16),
        "qweight": text(module.qweight, np.int32),
        "qzeros": text(module.qzeros, np.int32),
    }
    if format == FORMAT.GPTQ_V2:
        convert_gptq_v2_to_v1_format_module(module, SimpleNamespace(bits=bits, pack_dtype=torch.int32))
        entry["qzerosVersion1"] = text(module.qzeros, np.int32)
    golden.append(entry)
sys.stdout = out
print(json.dumps(golden, indent=1))
