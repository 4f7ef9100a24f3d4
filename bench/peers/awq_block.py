"""The published AWQ search on one block in torch: exponents 0 to 0.95 (20 points) judged by the output of the attention
or the MLP, then the clip search (10 bounds down to 0.55, 512 tokens, not on q and k). Written from the paper's and the
reference's description.

    python3 awq_block.py THREADS HIDDEN MLP HEADS KV_HEADS TOKENS POINTS

A whole search takes too long on a processor, so parts are measured and the rest is worked out: POINTS of the 20 points, on
TOKENS tokens, with the time that does not depend on tokens (rounding the weights) kept apart; a part of the clip search's
rows. Weights and activations are bf16 where torch is fastest so; the clip search is done as batched matrix products, which
is faster than the published sums of products. Prints one line of JSON.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

THREADS, HIDDEN, MLP, HEADS, KV_HEADS, TOKENS, POINTS = (int(a) for a in sys.argv[1:8])
GROUP = 128
SEQUENCE = min(512, TOKENS)
FULL_TOKENS = 65536
GRID = 20
CLIP_STEPS = 10
CLIP_TOKENS = 512
CLIP_ROWS = 64

torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)
torch.manual_seed(0)


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def fake_quantize(w):
    """Asymmetric 4 bits over groups of inputs, zero point clamped to the grid."""
    groups = w.reshape(-1, GROUP)
    least = groups.amin(1, keepdim=True)
    most = groups.amax(1, keepdim=True)
    scale = (most - least).clamp(min=1e-5) / 15
    zero = (-torch.round(least / scale)).clamp(0, 15)
    codes = (torch.round(groups / scale) + zero).clamp(0, 15)
    return ((codes - zero) * scale).reshape(w.shape)


class Block:
    """Weights of a Llama block in bf16 and its two modules."""

    def __init__(self):
        kv = HIDDEN // HEADS * KV_HEADS
        shapes = {
            "q": (HIDDEN, HIDDEN), "k": (kv, HIDDEN), "v": (kv, HIDDEN), "o": (HIDDEN, HIDDEN),
            "gate": (MLP, HIDDEN), "up": (MLP, HIDDEN), "down": (HIDDEN, MLP),
        }
        self.w = {n: (torch.randn(s) * 0.02).bfloat16() for n, s in shapes.items()}

    def context(self, x):
        """What goes into o. Rotations are left out: they take no time beside the products."""
        size = HIDDEN // HEADS
        split = lambda y, heads: y.view(-1, SEQUENCE, heads, size).transpose(1, 2)
        q = split(F.linear(x, self.w["q"]), HEADS)
        k = split(F.linear(x, self.w["k"]), KV_HEADS)
        v = split(F.linear(x, self.w["v"]), KV_HEADS)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=HEADS != KV_HEADS)
        return y.transpose(1, 2).reshape(x.shape[0], HIDDEN)

    def attention(self, x):
        return F.linear(self.context(x), self.w["o"])

    def middle(self, x):
        return F.silu(F.linear(x, self.w["gate"])) * F.linear(x, self.w["up"])

    def mlp(self, x):
        return F.linear(self.middle(x), self.w["down"])


def search(block, names, x, module):
    """Seconds of a point apart from the module's run, and of that run; the losses of the points tried."""
    expected = module(x)
    magnitude = x.float().abs().mean(0)
    kept = {n: block.w[n] for n in names}
    rounding = running = 0.0
    losses = []
    for point in range(POINTS):
        ratio = point / GRID
        scales = magnitude.pow(ratio).clamp(min=1e-4)
        scales = scales / (scales.max() * scales.min()).sqrt()

        def round_all():
            for n in names:
                block.w[n] = (fake_quantize(kept[n].float() * scales) / scales).bfloat16()

        def run():
            return (expected.float() - module(x).float()).pow(2).mean().item()

        rounding += timed(round_all)[1]
        loss, seconds = timed(run)
        running += seconds
        losses.append(loss)
        for n in names:
            block.w[n] = kept[n]
    return rounding / POINTS, running / POINTS, losses


def clip_seconds(w, x):
    """Seconds for all rows of w, from some rows."""
    rows = min(CLIP_ROWS, w.shape[0])
    part = w[:rows].float().reshape(rows, -1, GROUP)
    sample = x[:: max(1, x.shape[0] // CLIP_TOKENS)][:CLIP_TOKENS].float()
    sample = sample.reshape(sample.shape[0], -1, GROUP).permute(1, 2, 0)  # [groups, 128, tokens]

    def work():
        output = torch.bmm(part.transpose(0, 1), sample)
        largest = part.abs().amax(2, keepdim=True)
        best = torch.full(largest.shape[:2], 1e9)
        for step in range(CLIP_STEPS):
            bound = largest * (1 - step / GRID)
            rounded = fake_quantize(part.clamp(-bound, bound))
            error = (torch.bmm(rounded.transpose(0, 1), sample) - output).pow(2).mean(2).T
            best = torch.minimum(best, error)
        return best

    tokens = max(1, sample.shape[2])
    return timed(work)[1] * w.shape[0] / rows * (min(CLIP_TOKENS, FULL_TOKENS) / tokens)


def main():
    block = Block()
    x = torch.randn(TOKENS, HIDDEN).bfloat16()
    scale = FULL_TOKENS / TOKENS
    block.mlp(block.attention(x))  # warm
    _, forward = timed(lambda: block.mlp(block.attention(x)))
    context, middle = block.context(x), block.middle(x)
    sets = [(["q", "k", "v"], x, block.attention), (["gate", "up"], x, block.mlp),
            (["down"], middle, lambda y: F.linear(y, block.w["down"]))]
    if KV_HEADS == HEADS:
        sets.append((["o"], context, lambda y: F.linear(y, block.w["o"])))
    rounding = running = 0.0
    improvements = []
    for names, inputs, module in sets:
        per_rounding, per_run, losses = search(block, names, inputs, module)
        rounding += per_rounding * GRID
        running += per_run * GRID
        improvements.append(min(losses) / losses[0])
    inputs_of = {"v": x, "o": context, "gate": x, "up": x, "down": middle}
    clip = sum(clip_seconds(block.w[n], y) for n, y in inputs_of.items())
    print(json.dumps({
        "torch": torch.__version__, "tokens": TOKENS, "points": POINTS,
        "forward": forward * scale, "rounding": rounding, "running": running * scale, "clip": clip,
        "seconds": forward * scale + rounding + running * scale + clip,
        "best_over_first": improvements,
    }))


main()
