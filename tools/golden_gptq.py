"""GPTQ in torch, written from the paper (Frantar et al., 2022, algorithm 1): integers to compare ours with.

Development only; needs torch. From the checkout:

    python tools/golden_gptq.py                                  # tests/ffi/golden_gptq.json, small
    python tools/golden_gptq.py --shape 1024x2048 --out FILE     # one larger case; deno run -A tools/check_gptq.ts FILE

The inverse of H by its Cholesky factor, the upper Cholesky factor of that, and one update of all remaining columns for
each column, in fp64. What differs from the published code are the rounding of the grid (scales are rounded to their
type before the integers are chosen) and the mean of the diagonal (inputs that are 0 for every token do not count).
"""

import argparse
import base64
import json
import time
from pathlib import Path

import torch

OUT = Path(__file__).parent.parent / "tests" / "ffi" / "golden_gptq.json"
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def fit(group, grid):
    """Scale and zero point [N, 1] of a group [N, g] of fp32 weights, in fp32."""
    low, high = group.amin(1, keepdim=True), group.amax(1, keepdim=True)
    least = torch.tensor(1e-5)
    if grid["symmetric"]:
        middle = 2 ** (grid["bits"] - 1)
        scale = torch.maximum(torch.maximum(-low, high), least) / (middle - 1)
        return scale.to(DTYPES[grid["scaleDtype"]]).float(), torch.full_like(low, middle)
    if grid["range"] == "zero":
        low, high = low.clamp(max=0), high.clamp(min=0)
    top = 2 ** grid["bits"] - 1
    scale = (torch.maximum(high - low, least) / top).to(DTYPES[grid["scaleDtype"]]).float()
    return scale, torch.round(-low / scale).clamp(0, top)


def ordered(h, order, group):
    """The order in which columns are rounded."""
    diagonal = h.diagonal()
    if order == "natural":
        return torch.arange(len(h))
    if order == "activation":
        return torch.argsort(diagonal, descending=True, stable=True)
    groups = diagonal.double().view(-1, group)
    inner = torch.argsort(groups, dim=1, descending=True, stable=True)
    outer = torch.argsort(groups.sum(1), descending=True, stable=True)
    return torch.cat([inner[i] + i * group for i in outer])


def gptq(weight, gram, grid, order, dynamic, damping, dtype=torch.float64, blocks=None):
    """Codes, scales and zero points of a weight [N, K] for a Gram [K, K], and ||X (W - Q)^T||^2.

    blocks: columns between two updates of the columns to come, as in the published code; None for one.
    """
    w, h = weight.to(dtype).clone(), gram.to(dtype).clone()
    dead = h.diagonal() == 0
    mean = h.diagonal()[~dead].mean() if (~dead).any() else torch.tensor(1.0)
    h[dead, dead] = 1
    w[:, dead] = 0
    h += torch.eye(len(h), dtype=dtype) * damping * mean
    group = grid["groupSize"]
    perm = ordered(gram, order, group)
    h = h[perm][:, perm]
    original = w.clone()
    w = w[:, perm]
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)

    n, k = w.shape
    top = 2 ** grid["bits"] - 1
    scales, zeros = torch.empty(n, k // group), torch.empty(n, k // group)
    if not dynamic:
        for i in range(k // group):
            part = original[:, i * group : (i + 1) * group].float()
            scales[:, i : i + 1], zeros[:, i : i + 1] = fit(part, grid)
    codes = torch.empty(n, k, dtype=torch.uint8)
    step = blocks or k
    for start in range(0, k, step):
        end = min(k, start + step)
        errors = torch.zeros(n, end - start, dtype=dtype)
        for p in range(start, end):
            c = int(perm[p])
            i = c // group
            if dynamic and p % group == 0:
                scales[:, i : i + 1], zeros[:, i : i + 1] = fit(w[:, p : p + group].float(), grid)
            x = w[:, p].float()
            q = (torch.round(x / scales[:, i]) + zeros[:, i]).clamp(0, top)
            codes[:, c] = q.to(torch.uint8)
            error = (w[:, p] - ((q - zeros[:, i]) * scales[:, i]).to(dtype)) / upper[p, p]
            errors[:, p - start] = error
            w[:, p:end] -= error[:, None] * upper[p, p:end][None]
        if end < k:
            w[:, end:] -= errors @ upper[start:end, end:]
    d = original - (codes.to(dtype) - zeros.repeat_interleave(group, 1)) * scales.repeat_interleave(group, 1)
    loss = (d.double() @ gram.double() * d.double()).sum().item()
    return codes, scales, zeros, loss


def inputs(n, k, dead):
    """A weight, and a Gram of inputs that hang together, some of them much larger than others."""
    x = torch.randn(2 * k + 10, k) + 0.7 * torch.randn(2 * k + 10, 1)
    x *= torch.exp(0.7 * torch.randn(k))
    x[:, dead] = 0
    return (0.1 * torch.randn(n, k)).float(), (x.T @ x).float()


def text(tensor):
    return base64.b64encode(tensor.contiguous().numpy().tobytes()).decode()


def case(n, k, modes, dead=()):
    weight, gram = inputs(n, k, list(dead))
    runs = []
    for bits, group, symmetric, dtype, order, groups, damping in modes:
        grid = {"bits": bits, "groupSize": group, "symmetric": symmetric, "scaleDtype": dtype, "range": "minmax"}
        dynamic = groups == "dynamic"
        codes, scales, zeros, loss = gptq(weight, gram, grid, order, dynamic, damping)
        runs.append({
            "grid": grid, "order": order, "groups": groups, "damping": damping, "codes": text(codes),
            "scales": text(scales), "zeros": text(zeros.to(torch.uint8)), "loss": loss,
        })
    return {"shape": [n, k], "weight": text(weight), "gram": text(gram), "runs": runs}


SMALL = [
    (6, 32, [(4, 16, False, "F16", "natural", "static", 0.01), (2, 8, True, "F32", "activation", "static", 0.1)], ()),
    (12, 96, [
        (3, 32, False, "F16", "natural", "static", 0.01),
        (3, 32, False, "F16", "natural", "dynamic", 0.01),
        (4, 32, False, "F16", "activation", "static", 0.05),
        (4, 32, True, "BF16", "activation", "static", 0.01),
        (3, 32, False, "F16", "groups", "dynamic", 0.01),
        (8, 96, False, "F16", "activation", "static", 0.01),
    ], (5, 40, 41)),
]

if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--shape")
    arguments.add_argument("--out", default=OUT)
    arguments.add_argument("--time", action="store_true", help="time fp32 with blocks of 128 and print it")
    options = arguments.parse_args()
    torch.manual_seed(20261124)
    if options.shape is None:
        cases = [case(*parts) for parts in SMALL]
    else:
        n, k = map(int, options.shape.split("x"))
        if options.time:
            weight, gram = inputs(n, k, [])
            grid = {"bits": 4, "groupSize": 128, "symmetric": False, "scaleDtype": "F16", "range": "minmax"}
            begin = time.perf_counter()
            gptq(weight, gram, grid, "activation", False, 0.01, torch.float32, 128)
            print(f"torch, fp32, blocks of 128, {torch.get_num_threads()} threads: {time.perf_counter() - begin:.2f} s")
            raise SystemExit
        modes = [(4, 128, False, "F16", "activation", "static", 0.01), (3, 64, True, "F16", "natural", "dynamic", 0.01)]
        cases = [case(n, k, modes)]
    Path(options.out).write_text(json.dumps({"torch": torch.__version__, "cases": cases}, indent=2) + "\n")
