"""Makes tests/ffi/reference/golden_ops.json: small operations computed by torch.

Development only; needs torch. Run from the checkout: python tools/golden_ops.py
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

OUT = Path(__file__).parent.parent / "tests" / "ffi" / "reference" / "golden_ops.json"
torch.manual_seed(20261124)


def random(*shape, deviation=1.0):
    """Normal numbers that are multiples of 2^-10: short to write, exact in fp32."""
    return (torch.randn(*shape, dtype=torch.float64) * deviation * 1024).round() / 1024


def plain(tensor):
    """A tensor as nested lists of numbers that fp32 holds exactly, or whole numbers."""
    return tensor.tolist()


def linear():
    x, w, b = random(3, 10), random(5, 10), random(5)
    rounded = x.bfloat16().double() @ w.bfloat16().double().T + b
    return {"x": plain(x), "w": plain(w), "b": plain(b), "y": plain(F.linear(x, w, b)), "bf16": plain(rounded)}


def rms_norm():
    x, w = random(3, 10, deviation=2), random(10)
    y = F.rms_norm(x, (10,), w, 1e-5)
    offset = F.rms_norm(x, (10,), w + 1, 1e-5)
    return {"x": plain(x), "w": plain(w), "eps": 1e-5, "y": plain(y), "offset": plain(offset)}


def rope():
    """Hugging Face's rotate_half, on the first R of each head's channels."""
    heads, dim, rotary, sequences, length, start = 2, 10, 6, 2, 3, 4
    x = random(sequences * length, heads * dim)
    frequencies = 100.0 ** (-torch.arange(0, rotary, 2, dtype=torch.float64) / rotary)
    angles = torch.arange(start + length, dtype=torch.float64)[:, None] * frequencies
    table = torch.cat([angles.cos(), angles.sin()], 1).float().double()
    position = table[start:].repeat(sequences, 1)
    cos = position[:, : rotary // 2].repeat(1, 2)[:, None]
    sin = position[:, rotary // 2 :].repeat(1, 2)[:, None]
    y = x.view(-1, heads, dim).clone()
    part = y[..., :rotary].clone()
    turned = torch.cat([-part[..., rotary // 2 :], part[..., : rotary // 2]], -1)
    y[..., :rotary] = part * cos + turned * sin
    shape = {"heads": heads, "headDim": dim, "sequences": sequences, "start": start}
    return {"x": plain(x), "table": plain(table), "shape": shape, "y": plain(y.reshape(x.shape))}


def attention():
    cases = []
    for heads, kv_heads, dim, sequences, queries, keys, window in [
        (1, 1, 4, 1, 5, 5, 0),
        (2, 2, 4, 2, 4, 4, 0),
        (4, 2, 6, 1, 5, 5, 0),
        (6, 2, 4, 1, 4, 4, 0),
        (2, 1, 4, 1, 7, 7, 3),
        (4, 2, 4, 1, 1, 6, 0),
        (4, 2, 4, 1, 2, 6, 2),
    ]:
        q = random(sequences * queries, heads * dim)
        k = random(sequences * keys, kv_heads * dim)
        v = random(sequences * keys, kv_heads * dim)
        split = lambda t, rows, n: t.view(sequences, rows, n, dim).transpose(1, 2)
        i = torch.arange(queries)[:, None] + keys - queries
        j = torch.arange(keys)[None]
        seen = (j <= i) & ((j > i - window) if window else True)
        y = F.scaled_dot_product_attention(
            split(q, queries, heads),
            split(k, keys, kv_heads),
            split(v, keys, kv_heads),
            attn_mask=seen,
            scale=0.4,
            enable_gqa=True,
        )
        cases.append(
            {
                "shape": {
                    "heads": heads,
                    "kvHeads": kv_heads,
                    "headDim": dim,
                    "sequences": sequences,
                    "scale": 0.4,
                    "window": window,
                    "queryStart": keys - queries,
                },
                "q": plain(q),
                "k": plain(k),
                "v": plain(v),
                "y": plain(y.transpose(1, 2).reshape(q.shape)),
            }
        )
    return cases


def activations():
    x = torch.tensor([-30, -9, -6, -3.5, -2, -1, -0.5, -0.01, 0, 0.01, 0.5, 1, 2, 3.5, 6, 9, 30], dtype=torch.float64)
    return {
        "x": plain(x.float().double()),
        "silu": plain(F.silu(x.float().double())),
        "gelu": plain(F.gelu(x.float().double())),
        "gelu_tanh": plain(F.gelu(x.float().double(), approximate="tanh")),
    }


def log_likelihood():
    logits, targets = random(4, 9, deviation=5), torch.tensor([0, 8, -1, 3])
    losses = F.cross_entropy(logits, targets, ignore_index=-1, reduction="none")
    return {"logits": plain(logits), "targets": plain(targets), "losses": plain(losses)}


def casts():
    bits = torch.randint(-(2**31), 2**31, (200,), dtype=torch.int64).to(torch.int32)
    edges = [0x3F808000, 0x3F818000, 0x3F801000, 0x3F803000, 0x477FF000, 0x33000000, 0x387FFFFF, 0x33C00000]
    bits = torch.cat([bits, torch.tensor(edges, dtype=torch.int32)])
    values = bits.view(torch.float32)
    bits = bits[~values.isnan()]
    values = bits.view(torch.float32)
    unsigned = lambda t: [word & 0xFFFF for word in t.view(torch.int16).tolist()]
    f8 = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).double()
    return {
        "f32": [word & 0xFFFFFFFF for word in bits.tolist()],
        "f16": unsigned(values.half()),
        "bf16": unsigned(values.bfloat16()),
        "f8": [None if math.isnan(value) else value for value in f8.tolist()],
    }


def grid_of(w, bits, symmetric, range_, scale_dtype):
    """Scales [N, G] and zeros of w [N, G, g] (fp32): AutoAWQ's rule, scales rounded before use."""
    low, high = w.amin(-1), w.amax(-1)
    if range_ == "zero":
        low, high = low.clamp(max=0), high.clamp(min=0)
    if symmetric:
        scale = w.abs().amax(-1).clamp(min=1e-5) / (2 ** (bits - 1) - 1)
        scale = scale.to(scale_dtype).float()
        return scale, torch.full_like(scale, 2 ** (bits - 1))
    scale = (high - low).clamp(min=1e-5) / (2**bits - 1)
    scale = scale.to(scale_dtype).float()
    return scale, (-(low / scale).round()).clamp(0, 2**bits - 1)


def codes_of(w, scale, zero, bits):
    return ((w / scale[..., None]).round() + zero[..., None]).clamp(0, 2**bits - 1)


def fake(w, group, bits=4, symmetric=False, range_="minmax", scale_dtype=torch.float16):
    """Q(w) of w [N, K] in fp32."""
    parts = w.float().view(w.shape[0], -1, group)
    scale, zero = grid_of(parts, bits, symmetric, range_, scale_dtype)
    return ((codes_of(parts, scale, zero, bits) - zero[..., None]) * scale[..., None]).view(w.shape)


def grids():
    w = random(4, 24, deviation=0.2)
    w[1, :8] = w[1, :8].abs() + 1  # all on one side of zero
    w[2, 8:16] = 0
    w[3, 16:] = torch.tensor([-7.5, 7.5, 0.5, 1.5, 2.5, -0.5, -1.5, 3.5])  # ties
    cases = []
    for bits in (2, 3, 4, 8):
        for symmetric, range_ in ((True, "minmax"), (False, "minmax"), (False, "zero")):
            for name, dtype in (("F16", torch.float16), ("BF16", torch.bfloat16), ("F32", torch.float32)):
                parts = w.float().view(4, 3, 8)
                scale, zero = grid_of(parts, bits, symmetric, range_, dtype)
                codes = codes_of(parts, scale, zero, bits)
                cases.append(
                    {
                        "grid": {"bits": bits, "groupSize": 8, "symmetric": symmetric, "scaleDtype": name, "range": range_},
                        "scales": plain(scale),
                        "zeros": plain(zero.int()),
                        "codes": "".join(f"{int(code):02x}" for code in codes.flatten()),
                    }
                )
    return {"w": plain(w), "cases": cases}


def searches():
    """Losses, clip and coordinate descent, with the inputs themselves instead of their Gram."""
    x, w = random(40, 16), random(6, 16, deviation=0.3)
    w[:, 3] *= 4
    x[:, 5] *= 6
    x, w = x.double(), w.double()
    s = (torch.exp(random(3, 16, deviation=0.3)) * 64).round() / 64
    energy = lambda difference: (x @ difference.double().T).pow(2).sum().item()
    losses = [energy(w - fake((w.float() * c.float()), 8, 3).double() / c) for c in s]

    group, bits = 8, 3
    bounds = torch.zeros(6, 2)
    parts = w.float().view(6, 2, group)
    best = torch.full((6, 2), 1e9, dtype=torch.float64)
    largest = parts.abs().amax(-1)
    for i in range(10):
        bound = largest * torch.tensor(1 - i * 0.5 / 10, dtype=torch.float32)
        clamped = parts.clamp(-bound[..., None], bound[..., None])
        difference = (parts - fake(clamped.reshape(6, 16), group, bits).view(parts.shape)).double()
        error = torch.einsum("tgi,ngi->ngt", x.view(-1, 2, group), difference).pow(2).sum(-1)
        better = error < best
        best[better], bounds[better] = error[better], bound[better]

    factors = [0.5, 0.75, 1.25, 1.5]
    total = lambda c: energy(w - fake(w.float() * c.float(), 8, 3).double() / c.double())
    scales = s[0].float()
    initial = least = total(scales)
    for channel in range(8):  # inputs 2c and 2c + 1 move together
        choice = scales
        for factor in factors:
            trial = scales.clone()
            trial[2 * channel : 2 * channel + 2] *= factor
            loss = total(trial)
            if loss < least:
                least, choice = loss, trial
        scales = choice

    magnitude = (parts.abs() / (largest[..., None] + 1e-6)).view(6, 16).mean(0)
    return {
        "x": plain(x),
        "w": plain(w),
        "candidates": plain(s),
        "losses": losses,
        "energy": energy(w),
        "bounds": plain(bounds),
        "magnitude": plain(magnitude),
        "gram": plain(x.T @ x),
        "absSum": plain(x.abs().sum(0)),
        "absMax": plain(x.abs().amax(0)),
        "refined": {"factors": factors, "initialLoss": initial, "loss": least, "s": plain(scales)},
    }


class Straight(torch.autograd.Function):
    """Rounds to whole numbers, or to another type, with the derivative 1."""

    @staticmethod
    def forward(ctx, x, dtype=None):
        return x.round() if dtype is None else x.to(dtype).to(x.dtype)

    @staticmethod
    def backward(ctx, slope):
        return slope, None


def gradients():
    """Straight-through gradients of the squared output error by log s, by autograd."""
    x, w = random(40, 16), random(6, 16, deviation=0.3)
    x[:, 5] *= 6
    w[2, :8] = w[2, :8].abs() + 0.5  # all on one side of zero: the zero point is clamped, weights saturate
    w[3, 8:] = 0
    s = (torch.exp(random(16, deviation=0.3)) * 64).round() / 64
    cases = []
    for bits, symmetric, range_ in ((3, False, "minmax"), (4, False, "zero"), (3, True, "minmax")):
        log_s = s.float().log().requires_grad_()
        scales = s.float() * torch.exp(log_s - log_s.detach())  # exactly s, with the derivative of exp(log s)
        v = w.float().view(6, 2, 8) * scales.view(2, 8)
        low, high = v.amin(-1), v.amax(-1)
        if range_ == "zero":
            low, high = low.clamp(max=0), high.clamp(min=0)
        most = 2**bits - 1
        if symmetric:
            step = torch.maximum(-low, high).clamp(min=1e-5) / (2 ** (bits - 1) - 1)
            step = Straight.apply(step, torch.float16)
            zero = torch.full_like(step, 2 ** (bits - 1))
        else:
            step = Straight.apply((high - low).clamp(min=1e-5) / most, torch.float16)
            zero = Straight.apply(-low / step).clamp(0, most)
        codes = (Straight.apply(v / step[..., None]) + zero[..., None]).clamp(0, most)
        rounded = ((codes - zero[..., None]) * step[..., None]).view(6, 16) / scales
        loss = (x @ (w - rounded.double()).T).pow(2).sum()
        loss.backward()
        cases.append(
            {
                "grid": {"bits": bits, "groupSize": 8, "symmetric": symmetric, "scaleDtype": "F16", "range": range_},
                "loss": loss.item(),
                "gradient": plain(log_s.grad),
            }
        )
    return {"x": plain(x), "w": plain(w), "s": plain(s), "cases": cases}


golden = {
    "torch": torch.__version__,
    "linear": linear(),
    "rmsNorm": rms_norm(),
    "rope": rope(),
    "attention": attention(),
    "activations": activations(),
    "logLikelihood": log_likelihood(),
    "casts": casts(),
    "grids": grids(),
    "searches": searches(),
    "gradients": gradients(),
}
OUT.write_text(json.dumps(golden, separators=(",", ":")).replace('],"', '],\n"') + "\n")
