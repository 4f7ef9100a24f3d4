import assert from "node:assert/strict";
import type { AffineGrid, Ops } from "../../../core/backend.ts";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";

const GRID: AffineGrid = {
  bits: 4,
  groupSize: 4,
  symmetric: false,
  scaleDtype: "F16",
  range: "zero",
};

Deno.test("a refusal names the operation and what does not fit", async () => {
  using backend = createCpuBackend();
  using a = backend.zeros("F32", [2, 8]);
  using b = backend.zeros("F16", [3, 4]);
  using c = backend.zeros("F32", [5]);
  using whole = backend.zeros("I32", [2, 8]);
  const rope = { heads: 2, headDim: 4, sequences: 1, start: 0 };
  const cases: [string, (ops: Ops) => unknown][] = [
    ["linear: x must be F32 but is F16 [3, 4]", (ops) => ops.linear(b, a)],
    ["linear: x must have the shape [rows, 4] but has [2, 8]", (ops) => ops.linear(a, b)],
    ["linear: bias must have the shape [2] but has [5]", (ops) => ops.linear(a, a, { bias: c })],
    [
      "linear: weight must be F64 or F32 or F16 or BF16 or F8_E4M3 but is I32 [2, 8]",
      (ops) => ops.linear(a, whole),
    ],
    ["zeros: no tensor can have the shape [-1]", (ops) => ops.zeros("F32", [-1])],
    ["zeros: no tensor can have the shape [1.5]", (ops) => ops.zeros("F32", [1.5])],
    [
      "upload: F32 [4] takes 16 bytes but 12 were given",
      (ops) => ops.upload(new Float32Array(3), "F32", [4]),
    ],
    [
      "rows: number of rows must be a whole number from 0 to 1 but is 2",
      (ops) => ops.rows(a, 1, 2),
    ],
    ["reshape: F32 [2, 8] cannot be given the shape [3]", (ops) => ops.reshape(a, [3])],
    ["embed: id 9 is outside the table's 2 rows", (ops) => ops.embed(a, Int32Array.of(0, 9))],
    [
      "rmsNorm: weight F32 [5] does not fit the last axis of x, F32 [2, 8]",
      (ops) => ops.rmsNorm(a, c, 1e-5, 0),
    ],
    [
      "rope: positions 1 to 3 are beyond the table's 2",
      (ops) => ops.rope(a, ops.rows(ops.reshape(a, [4, 4]), 0, 2), { ...rope, start: 1 }),
    ],
    ["addInPlace: y must have the shape [2, 8] but has [5]", (ops) => ops.addInPlace(a, c)],
    [
      "negativeLogLikelihood: target 8 is outside the 8 logits",
      (ops) => ops.negativeLogLikelihood(a, Int32Array.of(0, 8)),
    ],
    [
      "quantize: group size 3 does not divide 8 inputs",
      (ops) => ops.quantize(a, { ...GRID, groupSize: 3 }),
    ],
    [
      "quantize: group size -1 does not divide 8 inputs",
      (ops) => ops.quantize(a, { ...GRID, groupSize: -1 }),
    ],
    [
      "quantize: bits must be a whole number from 2 to 8 but is 9",
      (ops) => ops.quantize(a, { ...GRID, bits: 9 }),
    ],
    [
      "outputEnergy: gram must have the shape [8, 8] but has [2, 8]",
      (ops) => ops.outputEnergy(a, { kind: "gram", gram: a }),
    ],
    [
      "packInt4: the order must hold each of 0 to 7 once but is [0, 0]",
      (ops) => ops.packInt4(a, { along: "in", order: [0, 0] }),
    ],
  ];
  for (const [text, run] of cases) {
    await assert.rejects(async () => await run(backend), {
      name: "SalientError",
      code: "backend",
      message: `Cannot run ${text}`,
    });
  }
});

Deno.test("a tensor without axes holds one value", () => {
  using backend = createCpuBackend();
  using scalar = backend.upload(Float32Array.of(3), "F32", []);
  assert.deepEqual([scalar.size, [...backend.download(scalar)]], [1, [3]]);
  using vector = backend.reshape(scalar, [1]);
  assert.deepEqual([...backend.download(vector)], [3]);
  assert.throws(() => backend.rows(scalar, 0, 1), { name: "SalientError" });
});

Deno.test("views of typed arrays and shared buffers are uploaded as they are", () => {
  using backend = createCpuBackend();
  const shared = new Float32Array(new SharedArrayBuffer(16));
  shared.set([1, 2, 3, 4]);
  using part = backend.upload(shared.subarray(1, 3), "F32", [2]);
  assert.deepEqual([...backend.download(part)], [2, 3]);
  using half = backend.upload(Float16Array.of(0.5, -2), "F16", [2]);
  assert.deepEqual([...backend.download(half)], [0.5, -2]);
});
