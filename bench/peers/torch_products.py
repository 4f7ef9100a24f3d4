"""torch's products, as a contestant: see bench/contestant.ts for the lines of JSON it is spoken to in.

    python3 torch_products.py THREADS
"""

import json
import sys
import time

import numpy as np
import torch

THREADS = int(sys.argv[1])
torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


class Prepared:
    """A work on its data. Inputs and outputs have the type of the weight, which is best for torch."""

    def __init__(self, work, x_file, w_file):
        self.gram = work["kind"] == "gram"
        if work["kind"] == "int4":
            raise ValueError("torch has no product here with 4-bit weights")
        stored = torch.float32 if self.gram or work["stored"] == "fp32" else torch.bfloat16
        self.x = read(x_file, work["T"], work["K"]).to(stored)
        if self.gram:
            self.sum = torch.zeros(work["K"], work["K"])
            return
        one = read(w_file, work["N"], work["K"]).to(stored)
        self.w = one

    def run(self):
        if self.gram:
            self.sum.addmm_(self.x.T, self.x)
        else:
            self.y = torch.nn.functional.linear(self.x, self.w)

    def show(self, y_file, rows_file, count):
        if self.gram:
            y, rows = self.x.T @ self.x, self.x[:0]
        else:
            y, rows = self.y, self.w[:count]
        y.float().numpy().tofile(y_file)
        rows.float().numpy().tofile(rows_file)


def read(path, rows, columns):
    return torch.from_numpy(np.fromfile(path, dtype=np.float32).reshape(rows, columns))


def time_runs(prepared, seconds):
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        prepared.run()
        times.append((time.perf_counter() - start) * 1e9)
    return times


def answer(request, state):
    if request["do"] == "about":
        return {"about": f"torch {torch.__version__}, {THREADS} threads"}
    if request["do"] == "prepare":
        state.clear()
        prepared = Prepared(request["work"], request["x"], request["w"])
        time_runs(prepared, 0)
        state["prepared"] = prepared
        return {}
    if request["do"] == "run":
        return {"nanoseconds": time_runs(state["prepared"], request["seconds"])}
    state["prepared"].show(request["y"], request["rows"], request["count"])
    return {}


def main():
    state = {}
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), state)
        except Exception as error:  # the other side reports it and goes on
            reply = {"error": f"{type(error).__name__}: {error}"}
        print("@" + json.dumps(reply), flush=True)


main()
