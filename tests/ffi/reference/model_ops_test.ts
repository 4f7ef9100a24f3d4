import type { Tensor } from "../../../core/tensor.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { assertAllClose, flat, golden } from "./golden.ts";

const backend = createReferenceBackend();

function matrix(rows: readonly (readonly number[])[]): Tensor {
  const { values, shape } = flat(rows);
  return backend.upload(values, "F32", shape);
}

function vector(values: readonly number[]): Tensor {
  return backend.upload(Float32Array.from(values), "F32", [values.length]);
}

function assertMatrix(actual: Tensor, expected: readonly (readonly number[])[]): void {
  assertAllClose(backend.download(actual), expected.flat());
}

Deno.test("linear agrees with torch, in fp32 and with bf16 operands", async () => {
  const { x, w, b, y, bf16 } = golden.linear;
  const bias = vector(b);
  assertMatrix(await backend.linear(matrix(x), matrix(w), { bias }), y);
  assertMatrix(await backend.linear(matrix(x), matrix(w), { bias, precision: "bf16" }), bf16);
});

Deno.test("rmsNorm agrees with torch, with and without an offset", async () => {
  const { x, w, eps, y, offset } = golden.rmsNorm;
  assertMatrix(await backend.rmsNorm(matrix(x), vector(w), eps, 0), y);
  assertMatrix(await backend.rmsNorm(matrix(x), vector(w), eps, 1), offset);
});

Deno.test("rope turns halves as rotate_half does, and leaves the channels beyond R", async () => {
  const { x, table, shape, y } = golden.rope;
  const values = matrix(x);
  await backend.rope(values, matrix(table), shape);
  assertMatrix(values, y);
});

Deno.test("attention agrees with torch: causal, grouped heads, window, cache", async () => {
  for (const { shape, q, k, v, y } of golden.attention) {
    assertMatrix(await backend.attention(matrix(q), matrix(k), matrix(v), shape), y);
  }
});

Deno.test("attention does not look at key rows beyond the key length", async () => {
  const { shape, q, k, v, y } = golden.attention.at(-1)!;
  const garbage = Array.from({ length: 3 }, () => k[0]!.map(() => NaN));
  const keyLength = k.length;
  const [keys, values] = [matrix([...k, ...garbage]), matrix([...v, ...garbage])];
  assertMatrix(await backend.attention(matrix(q), keys, values, { ...shape, keyLength }), y);
});

Deno.test("gated activations agree with torch", async () => {
  const { x } = golden.activations;
  for (const name of ["silu", "gelu", "gelu_tanh"] as const) {
    const ups = x.map((_, i) => i % 2 === 0 ? 1 : -2);
    const result = await backend.gatedActivation(vector(x), vector(ups), name);
    assertAllClose(backend.download(result), golden.activations[name].map((y, i) => y * ups[i]!));
  }
});

Deno.test("negativeLogLikelihood agrees with torch's cross entropy", async () => {
  const { logits, targets, losses } = golden.logLikelihood;
  const result = await backend.negativeLogLikelihood(matrix(logits), Int32Array.from(targets));
  assertAllClose(result, losses, 1e-12);
});
