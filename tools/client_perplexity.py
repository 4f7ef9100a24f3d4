"""Measures a plain checkpoint with transformers: reads {"path", "windows": [[ids], ...]} from standard input and
prints {"perplexity"}, the exponential of the mean over windows of the mean negative log-likelihood of the tokens
from the second on, in fp32."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

request = json.load(sys.stdin)
model = AutoModelForCausalLM.from_pretrained(request["path"], dtype=torch.float32)
ids = torch.tensor(request["windows"])
with torch.no_grad():
    logits = model(ids).logits[:, :-1]
loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
print(json.dumps({"perplexity": float(torch.exp(loss.double()))}))
