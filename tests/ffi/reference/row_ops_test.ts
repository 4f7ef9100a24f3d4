import type { Activation, AttentionShape, RopeShape } from "../../../core/backend.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { assertAllClose, flat } from "./golden.ts";

type Matrix = readonly (readonly number[])[];

/** What `tools/golden_row_ops.py` computed with torch and transformers. */
interface Golden {
  layerNorm: {
    x: Matrix;
    w: number[];
    b: number[];
    eps: number;
    y: Matrix;
    weightOnly: Matrix;
    plain: Matrix;
  };
  activations: { x: number[] } & Record<Activation, number[]>;
  rope: { x: Matrix; table: Matrix; shape: RopeShape; y: Matrix };
  attention: {
    shape: AttentionShape;
    slopes: number[] | null;
    q: Matrix;
    k: Matrix;
    v: Matrix;
    y: Matrix;
  }[];
  softcap: { x: Matrix; cap: number; y: Matrix };
  selectColumns: { x: Matrix; columns: number[]; y: Matrix };
  addRows: { target: Matrix; source: Matrix; rows: number[]; weights: number[]; y: Matrix };
}

const golden: Golden = JSON.parse(
  Deno.readTextFileSync(new URL("golden_row_ops.json", import.meta.url)),
);
const backend = createReferenceBackend();

function matrix(rows: Matrix): Tensor {
  const { values, shape } = flat(rows);
  return backend.upload(values, "F32", shape);
}

function vector(values: readonly number[]): Tensor {
  return backend.upload(Float32Array.from(values), "F32", [values.length]);
}

function assertMatrix(actual: Tensor, expected: Matrix): void {
  assertAllClose(backend.download(actual), expected.flat());
}

Deno.test("layerNorm agrees with torch, with and without weight and bias", async () => {
  const { x, w, b, eps, y, weightOnly, plain } = golden.layerNorm;
  assertMatrix(await backend.layerNorm(matrix(x), vector(w), vector(b), eps), y);
  assertMatrix(await backend.layerNorm(matrix(x), vector(w), undefined, eps), weightOnly);
  assertMatrix(await backend.layerNorm(matrix(x), undefined, undefined, eps), plain);
});

Deno.test("activations agree with those of transformers", async () => {
  const { x, ...functions } = golden.activations;
  for (const [name, y] of Object.entries(functions)) {
    const values = vector(x);
    await backend.activate(values, name as Activation);
    assertAllClose(backend.download(values), y);
    const ups = x.map((_, i) => i % 2 === 0 ? 1 : -2);
    const gated = await backend.gatedActivation(vector(x), vector(ups), name as Activation);
    assertAllClose(backend.download(gated), y.map((value, i) => value * ups[i]!));
  }
});

Deno.test("rope turns neighbours as GPT-J does, and leaves the channels beyond R", async () => {
  const { x, table, shape, y } = golden.rope;
  const values = matrix(x);
  await backend.rope(values, matrix(table), shape);
  assertMatrix(values, y);
});

Deno.test("attention agrees with Gemma 2's cap and with Bloom's biases", async () => {
  for (const { shape, slopes, q, k, v, y } of golden.attention) {
    const whole = slopes === null ? shape : { ...shape, slopes: Float32Array.from(slopes) };
    assertMatrix(await backend.attention(matrix(q), matrix(k), matrix(v), whole), y);
  }
});

Deno.test("softcap agrees with torch", async () => {
  const { x, cap, y } = golden.softcap;
  const values = matrix(x);
  await backend.softcap(values, cap);
  assertMatrix(values, y);
});

Deno.test("selectColumns agrees with torch's indexing, and gives 0 for -1", async () => {
  const { x, columns, y } = golden.selectColumns;
  assertMatrix(await backend.selectColumns(matrix(x), Int32Array.from(columns)), y);
});

Deno.test("addRows agrees with torch's index_add, with rows that repeat", async () => {
  const { target, source, rows, weights, y } = golden.addRows;
  const sum = matrix(target);
  await backend.addRows(
    sum,
    matrix(source),
    Int32Array.from(rows),
    Float32Array.from(weights),
  );
  assertMatrix(sum, y);
});
