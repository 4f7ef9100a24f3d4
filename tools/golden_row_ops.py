"""Makes tests/ffi/reference/golden_row_ops.json: operations of families beside Llama's, by torch and transformers.

Development only; needs both. Run from the checkout: python tools/golden_row_ops.py
"""

import json
import types
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from transformers.activations import ACT2FN
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gemma2.modeling_gemma2 import eager_attention_forward
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb

OUT = Path(__file__).parent.parent / "tests" / "ffi" / "reference" / "golden_row_ops.json"
torch.manual_seed(20261125)


def random(*shape, deviation=1.0):
    """Normal numbers that are multiples of 2^-10: short to write, exact in fp32."""
    return (torch.randn(*shape, dtype=torch.float64) * deviation * 1024).round() / 1024


def layer_norm():
    x, w, b = random(3, 10, deviation=2) + 5, random(10), random(10)
    return {
        "x": x.tolist(),
        "w": w.tolist(),
        "b": b.tolist(),
        "eps": 1e-5,
        "y": F.layer_norm(x, (10,), w, b, 1e-5).tolist(),
        "weightOnly": F.layer_norm(x, (10,), w, None, 1e-5).tolist(),
        "plain": F.layer_norm(x, (10,), None, None, 1e-5).tolist(),
    }


def activations():
    """The modules that a config's hidden_act names, on fp64."""
    x = torch.tensor([-30, -9, -6, -3.5, -2, -1, -0.5, -0.01, 0, 0.01, 0.5, 1, 2, 3.5, 6, 9, 30], dtype=torch.float64)
    x = x.float().double()
    names = {
        "silu": "silu",
        "gelu": "gelu",
        "gelu_tanh": "gelu_pytorch_tanh",
        "relu": "relu",
        "relu2": "relu2",
        "quick_gelu": "quick_gelu",
    }
    return {"x": x.tolist()} | {ours: ACT2FN[theirs](x).tolist() for ours, theirs in names.items()}


def rope():
    """GPT-J's, on the first R of each head's channels."""
    heads, dim, rotary, sequences, length, start = 2, 10, 6, 2, 3, 4
    x = random(sequences * length, heads * dim)
    frequencies = 100.0 ** (-torch.arange(0, rotary, 2, dtype=torch.float64) / rotary)
    angles = torch.arange(start + length, dtype=torch.float64)[:, None] * frequencies
    table = torch.cat([angles.cos(), angles.sin()], 1).float().double()
    cos, sin = table[start:, : rotary // 2], table[start:, rotary // 2 :]
    y = x.view(sequences, length, heads, dim).clone()
    turned = apply_rotary_pos_emb(y[..., :rotary], sin.expand(sequences, -1, -1), cos.expand(sequences, -1, -1))
    y[..., :rotary] = turned
    shape = {"heads": heads, "headDim": dim, "sequences": sequences, "start": start, "interleaved": True}
    return {"x": x.tolist(), "table": table.tolist(), "shape": shape, "y": y.reshape(x.shape).tolist()}


def attention():
    """Gemma 2's attention with its cap, Bloom's biases as its mask, and both."""
    cases = []
    for heads, kv_heads, dim, sequences, queries, keys, window, cap, sloped in [
        (2, 1, 4, 1, 5, 5, 0, 1.5, False),
        (4, 2, 6, 2, 5, 5, 0, 0, True),
        (6, 2, 4, 1, 4, 7, 3, 2.0, True),
        (3, 3, 4, 1, 1, 6, 0, 1.0, True),
    ]:
        q, k, v = (
            random(sequences * queries, heads * dim, deviation=3),
            random(sequences * keys, kv_heads * dim),
            random(sequences * keys, kv_heads * dim),
        )
        split = lambda t, rows, n: t.view(sequences, rows, n, dim).transpose(1, 2)
        i = torch.arange(queries)[:, None] + keys - queries
        j = torch.arange(keys)[None]
        seen = (j <= i) & ((j > i - window) if window else True)
        mask = torch.zeros(queries, keys, dtype=torch.float64).masked_fill(~seen, -torch.inf)[None, None]
        # Bloom's bias counts from the first key; a row's softmax does not change by a constant.
        alibi = build_alibi_tensor(torch.ones(1, keys), heads, torch.float64)
        slopes = alibi.view(heads, keys)[:, 1]
        if sloped:
            mask = mask + alibi.view(1, heads, 1, keys)
        module = types.SimpleNamespace(num_key_value_groups=heads // kv_heads, training=False)
        # Gemma 2's softmax is in fp32; with fp64 operands that is what limits these numbers.
        exact = F.softmax
        F.softmax = lambda x, dim, dtype: exact(x, dim=dim)
        y, _ = eager_attention_forward(
            module,
            split(q, queries, heads),
            split(k, keys, kv_heads),
            split(v, keys, kv_heads),
            mask,
            scaling=0.4,
            softcap=cap or None,
        )
        F.softmax = exact
        shape = {
            "heads": heads,
            "kvHeads": kv_heads,
            "headDim": dim,
            "sequences": sequences,
            "scale": 0.4,
            "window": window,
            "queryStart": keys - queries,
            "softcap": cap,
        }
        cases.append(
            {
                "shape": shape,
                "slopes": slopes.tolist() if sloped else None,
                "q": q.tolist(),
                "k": k.tolist(),
                "v": v.tolist(),
                "y": y.reshape(q.shape).tolist(),
            }
        )
    return cases


def softcap():
    x = random(2, 9, deviation=40)
    return {"x": x.tolist(), "cap": 30, "y": (30 * torch.tanh(x / 30)).tolist()}


def select_columns():
    x = random(3, 7)
    columns = [4, 5, 6, -1, 0, 0, -1, -1, 3, 2]
    padded = F.pad(x, (0, 1))  # column -1 is 0
    return {"x": x.tolist(), "columns": columns, "y": padded[:, columns].tolist()}


def add_rows():
    target, source, weights = random(3, 5), random(6, 5), random(6)
    rows = torch.tensor([2, 0, 2, 2, 1, 0])
    y = target.index_add(0, rows, source * weights[:, None])
    return {
        "target": target.tolist(),
        "source": source.tolist(),
        "rows": rows.tolist(),
        "weights": weights.tolist(),
        "y": y.tolist(),
    }


golden = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "layerNorm": layer_norm(),
    "activations": activations(),
    "rope": rope(),
    "attention": attention(),
    "softcap": softcap(),
    "selectColumns": select_columns(),
    "addRows": add_rows(),
}
OUT.write_text(json.dumps(golden, separators=(",", ":")).replace('],"', '],\n"') + "\n")
