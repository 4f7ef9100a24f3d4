import assert from "node:assert/strict";
import { recogniseFormat } from "../core/export/formats.ts";
import { openBackend, openModel, quantize, rtn } from "../mod.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { clientTest, missingPeer, runPeer } from "./run_child.ts";

const MODEL = new URL("../models/salient-tiny", import.meta.url).pathname;
const TOKENS = 5;

/** Two integers of each row to a byte, the first in the low half. */
function pairs(values: Uint8Array, columns: number): number[] {
  const bytes: number[] = [];
  for (let row = 0; row < values.length; row += columns) {
    for (let k = 0; k < columns; k += 2) {
      bytes.push(values[row + k]! | (k + 1 < columns ? values[row + k + 1]! : 0) << 4);
    }
  }
  return bytes;
}

clientTest(
  "onnxruntime's MatMulNBits agrees on a layer",
  missingPeer("onnxruntime-node"),
  async () => {
    await using folder = await temporaryDirectory();
    using backend = await openBackend("auto");
    const out = `${folder.path}/out`;
    const plugins = [rtn({ bits: 4, groupSize: 32 })];
    await quantize({ model: MODEL, backend, plugins, format: "awq-gemm", out });
    using model = await openModel(out, backend);
    const { format, stored } = recogniseFormat(model.rawConfig)!;
    const linear = model.linears.find(({ role }) => role === "down")!;
    const [N, K] = linear.shape;
    using weight = await format.decode(model.checkpoint, linear, stored, backend);
    const x = Float32Array.from({ length: TOKENS * K }, (_, i) => Math.sin(i * 0.37));
    const { y } = await runPeer<{ y: number[] }>("tests_clients/children/onnx.ts", {
      T: TOKENS,
      N,
      K,
      block: 32,
      codes: pairs(backend.downloadBytes(weight.codes), K),
      scales: [...backend.download(weight.scales)],
      zeros: pairs(backend.downloadBytes(weight.zeros), K / 32),
      x: [...x],
    });
    using packed = await backend.pack(weight);
    using input = backend.upload(x, "F32", [TOKENS, K]);
    using output = await backend.linear(input, packed);
    const ours = backend.download(output);
    const largest = Math.max(...ours.map(Math.abs));
    assert.equal(y.length, ours.length);
    const worst = Math.max(...y.map((value, i) => Math.abs(value - ours[i]!))) / largest;
    console.log(`  largest difference ${worst.toExponential(1)} of the largest output`);
    assert.ok(worst < 2e-5);
  },
);
