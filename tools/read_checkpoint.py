"""Reads quantized checkpoints with nothing but numpy, from the descriptions of the formats.

Reads one JSON object {"path": ..., "linears": [names]} from standard input, and prints one: the SHA-256 of the fp32
weight [out, in] of every linear. It shares no code with Salient, on purpose: tests_clients/python_readers_test.ts
compares the two. GGUF files are read with the package gguf of llama.cpp's authors.
"""

import hashlib
import json
import os
import sys

import numpy as np

TYPES = {"F32": np.float32, "F16": np.float16, "I32": np.int32, "I64": np.int64, "I8": np.int8, "U8": np.uint8}


def load(path):
    """Tensors of all safetensors files of a directory, by name; bf16 becomes fp32."""
    tensors = {}
    for file in sorted(os.listdir(path)):
        if not file.endswith(".safetensors"):
            continue
        raw = open(os.path.join(path, file), "rb").read()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        header.pop("__metadata__", None)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            data = raw[8 + length + begin : 8 + length + end]
            if entry["dtype"] == "BF16":
                wide = np.frombuffer(data, np.uint16).astype(np.uint32) << 16
                values = wide.view(np.float32)
            else:
                values = np.frombuffer(data, TYPES[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"])
    return tensors


def bits_of(words, bits, count):
    """Integers of `bits` bits that lie densely in rows of 32-bit words [R, W]: [R, count]."""
    raw = np.ascontiguousarray(words).view(np.uint8).reshape(words.shape[0], -1)
    single = np.unpackbits(raw, axis=1, bitorder="little")[:, : count * bits]
    powers = (1 << np.arange(bits)).astype(np.int64)
    return single.reshape(words.shape[0], count, bits).astype(np.int64) @ powers


def spread(per_group, size, inputs):
    """[N, G] to [N, K]."""
    return np.repeat(per_group, size, axis=1)[:, :inputs]


def awq_gemm(get, _config):
    # Nibble i of a word is output 8c + [0, 2, 4, 6, 1, 3, 5, 7][i].
    order = [0, 4, 1, 5, 2, 6, 3, 7]

    def outputs_of(words):
        nibbles = bits_of(words, 4, words.shape[1] * 8).reshape(words.shape[0], -1, 8)
        return nibbles[:, :, order].reshape(words.shape[0], -1).T

    q, z, s = outputs_of(get("qweight")), outputs_of(get("qzeros")), get("scales").astype(np.float32).T
    size = q.shape[1] // s.shape[1]
    return (q - spread(z, size, q.shape[1])).astype(np.float32) * spread(s, size, q.shape[1])


def awq_gemv(get, config):
    q = bits_of(get("qweight"), 4, get("qweight").shape[1] * 8)
    z = bits_of(get("qzeros"), 4, get("qzeros").shape[1] * 8)
    s = get("scales").astype(np.float32)
    size = q.shape[1] if config["group_size"] == -1 else config["group_size"]
    groups = q.shape[1] // size
    z, s = z[:, :groups], s[:, :groups]
    return (q - spread(z, size, q.shape[1])).astype(np.float32) * spread(s, size, q.shape[1])


def planes_of(words, bits, count):
    """Integers that lie in planes of 4, 2 and 1 bits, 32 at a time in `bits` words [R, W]: [R, count]."""
    if 32 % bits == 0:
        return bits_of(words, bits, count)
    blocks = np.ascontiguousarray(words).reshape(-1, bits)
    q, word, shift = 0, 0, 0
    while shift < bits:
        width = max(w for w in (1, 2, 4) if w <= bits - shift)
        q = q + (bits_of(blocks[:, word : word + width], width, 32) << shift)
        word, shift = word + width, shift + width
    return q.reshape(words.shape[0], count)


def gptq(get, config):
    bits = config["bits"]
    unpack = planes_of if config["checkpoint_format"] == "gptq_p" else bits_of
    words = get("qweight").T  # [N, K*b/32]
    inputs = words.shape[1] * 32 // bits
    q = unpack(words, bits, inputs)
    z = unpack(get("qzeros"), bits, q.shape[0]).T  # [N, G]
    if config["checkpoint_format"] == "gptq":
        z = z + 1
    s = get("scales").astype(np.float32).T
    owner = get("g_idx")
    return (q - z[:, owner]).astype(np.float32) * s[:, owner]


def compressed_tensors(get, config):
    return (pack_quantized if config["format"] == "pack-quantized" else int_quantized)(get, config)


def int_quantized(get, _config):
    q, s = get("weight"), get("weight_scale").astype(np.float32)
    return q.astype(np.float32) * spread(s, q.shape[1] // s.shape[1], q.shape[1])


def pack_quantized(get, config):
    weights = config["config_groups"]["group_0"]["weights"]
    bits = weights["num_bits"]
    rows, inputs = (int(length) for length in get("weight_shape"))
    q = bits_of(get("weight_packed"), bits, inputs) - 2 ** (bits - 1)
    s = get("weight_scale").astype(np.float32)
    z = np.zeros_like(s, dtype=np.int64)
    if not weights["symmetric"]:
        z = bits_of(get("weight_zero_point").T, bits, rows).T - 2 ** (bits - 1)
    size = inputs // s.shape[1]
    return (q - spread(z, size, inputs)).astype(np.float32) * spread(s, size, inputs)


def read_gguf(path, names):
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(path)
    fields = {key: field.contents() for key, field in reader.fields.items()}
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    roles = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    for name in names:
        _, _, block, role = name.split(".", 3)
        tensor = tensors[f"blk.{block}.{roles[role]}.weight"]
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        count = {"self_attn.q_proj": heads, "self_attn.k_proj": kv_heads}.get(role)
        if count is not None:  # the converter of llama.cpp swaps the halves of a head into pairs
            rows, inputs = weight.shape
            weight = weight.reshape(count, rows // count // 2, 2, inputs).swapaxes(1, 2).reshape(rows, inputs)
        yield name, weight


def read(path, names):
    if path.endswith(".gguf"):
        yield from read_gguf(path, names)
        return
    config = json.load(open(os.path.join(path, "config.json"))).get("quantization_config")
    tensors = load(path)
    if config is None:
        for name in names:
            yield name, tensors[f"{name}.weight"].astype(np.float32)
        return
    method = config["quant_method"]
    reader = {
        "awq": {"gemm": awq_gemm, "gemv": awq_gemv}.get(config.get("version")),
        "gptq": gptq,
        "compressed-tensors": compressed_tensors,
    }[method]
    for name in names:
        yield name, reader(lambda part: tensors[f"{name}.{part}"], config)


request = json.load(sys.stdin)
sums = {}
for name, weight in read(request["path"], request["linears"]):
    sums[name] = hashlib.sha256(np.ascontiguousarray(weight, np.float32).tobytes()).hexdigest()
print(json.dumps(sums))
