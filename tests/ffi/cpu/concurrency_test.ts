import assert from "node:assert/strict";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { NativeLibrary } from "../../../ffi/library.ts";

/** Numbers between -1 and 1, always the same. */
function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state / 2 ** 31;
  });
}

Deno.test("calls at the same time give what they give one after the other", async () => {
  using backend = createCpuBackend({ threads: 2 });
  using w = backend.upload(numbers(512 * 256, 1), "F32", [512, 256]);
  const inputs = Array.from({ length: 8 }, (_, i) => numbers(64 * 256, i + 2));
  async function product(input: Float32Array<ArrayBuffer>): Promise<Float32Array> {
    using x = backend.upload(input, "F32", [64, 256]);
    using y = await backend.linear(x, w);
    return backend.download(y);
  }
  const single: Float32Array[] = [];
  for (const input of inputs) single.push(await product(input));
  assert.deepEqual(await Promise.all(inputs.map(product)), single);
});

Deno.test("the event loop runs while a long call does", async () => {
  using backend = createCpuBackend({ threads: 2 });
  // Long enough (17e9 multiply-adds) that a busy machine cannot hide it behind one turn of the loop.
  using x = backend.upload(numbers(4096 * 1024, 1), "F32", [4096, 1024]);
  let ended = false;
  const running = backend.linear(x, x).then((y) => {
    ended = true;
    y[Symbol.dispose]();
  });
  await new Promise((resolve) => setTimeout(resolve, 0));
  const before = ended;
  await running;
  assert.deepEqual([before, ended], [false, true]);
});

Deno.test("what a running call uses may be disposed", async () => {
  using backend = createCpuBackend({ threads: 2 });
  const values = numbers(256 * 512, 3);
  const x = backend.upload(values, "F32", [256, 512]);
  using again = backend.upload(values, "F32", [256, 512]);
  const running = backend.linear(x, x);
  x[Symbol.dispose]();
  assert.throws(() => backend.download(x), { message: /after it was disposed/ });
  using y = await running;
  using expected = await backend.linear(again, again);
  assert.deepEqual(backend.downloadBytes(y), backend.downloadBytes(expected));
  y[Symbol.dispose]();
  expected[Symbol.dispose]();
  assert.equal(backend.allocatedBytes(), values.byteLength);
});

Deno.test("a backend may be disposed while a call runs", async () => {
  const backend = createCpuBackend({ threads: 2 });
  const x = backend.upload(numbers(256 * 512, 4), "F32", [256, 512]);
  const running = backend.linear(x, x);
  backend[Symbol.dispose]();
  await assert.rejects(running, {
    code: "backend",
    message: "The backend was used after it was disposed",
  });
});

Deno.test("what was checked cannot be changed while it is used", async () => {
  using backend = createCpuBackend({ threads: 2 });
  using table = backend.upload(numbers(64 * 1024, 5), "F32", [64, 1024]);
  const ids = Int32Array.from({ length: 4096 }, (_, i) => i % 64);
  const running = backend.embed(table, ids);
  ids.fill(1 << 30);
  using rows = await running;
  using last = backend.rows(rows, 4095, 1);
  using expected = backend.rows(table, 63, 1);
  assert.deepEqual(backend.downloadBytes(last), backend.downloadBytes(expected));
});

Deno.test("failures on several threads keep their own texts", async () => {
  using library = NativeLibrary.open("cpu");
  const out = new Uint32Array(1);
  const handles = Array.from({ length: 50 }, (_, i) => i + 1000);
  const statuses = await Promise.all(
    handles.map((handle) => library.symbols.salient_cast_elsewhere(handle, 1, out)),
  );
  for (const [i, status] of statuses.entries()) {
    assert.throws(() => library.unwrap(status, "cast"), {
      code: "backend",
      message: `Cannot run cast: The tensor is not a living tensor (handle ${handles[i]})`,
    });
  }
});

Deno.test("results do not depend on the number of threads", async () => {
  const K = 256;
  const N = 192;
  const T = 40;
  const grid = {
    bits: 4,
    groupSize: 64,
    symmetric: false,
    scaleDtype: "F16",
    range: "zero",
  } as const;
  async function results(threads: number): Promise<Record<string, unknown>> {
    using backend = createCpuBackend({ threads });
    using stack = new DisposableStack();
    const put = (count: number, seed: number, shape: number[]) =>
      stack.use(backend.upload(numbers(count, seed), "F32", shape));
    const w = put(N * K, 1, [N, K]);
    const x = put(T * K, 2, [T, K]);
    const candidates = put(3 * K, 3, [3, K]);
    const gram = stack.use(backend.zeros("F32", [K, K]));
    await backend.accumulateGram(x, gram);
    const sum = stack.use(backend.zeros("F64", [K]));
    const max = stack.use(backend.zeros("F32", [K]));
    await backend.accumulateAbs(x, sum, max);
    const y = stack.use(await backend.linear(x, w));
    const bf16 = stack.use(await backend.linear(x, w, { precision: "bf16" }));
    const attended = stack.use(
      await backend.attention(x, x, x, {
        heads: 4,
        kvHeads: 4,
        headDim: K / 4,
        sequences: 2,
        scale: 0.125,
        window: 0,
        queryStart: 0,
      }),
    );
    const quantized = stack.use(await backend.quantize(w, grid));
    const packed = stack.use(await backend.pack(quantized));
    const fromPacked = stack.use(await backend.linear(x, packed));
    const moment = { kind: "gram", gram } as const;
    const positive = stack.use(
      backend.upload(backend.download(candidates).map((s) => Math.abs(s) + 0.5), "F32", [3, K]),
    );
    const clip = stack.use(await backend.clipSearch(w, moment, grid, { steps: 8, maxShrink: 0.5 }));
    const tensors = { gram, sum, max, y, bf16, attended, fromPacked, bounds: clip.bounds };
    const bytes = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, backend.downloadBytes(tensor)]),
    );
    return {
      ...bytes,
      losses: await backend.scaleLosses(w, moment, grid, positive),
      sampled: await backend.scaleLosses(
        w,
        { kind: "tokens", sample: x, weight: 1.5 },
        grid,
        positive,
      ),
      slope: await backend.scaleGradient(w, moment, grid, new Float32Array(K).fill(1.5)),
      energy: await backend.outputEnergy(w, moment),
      loss: await backend.quantizationLoss(w, moment, quantized),
      likelihood: await backend.negativeLogLikelihood(y, new Int32Array(T).fill(5)),
      magnitude: await backend.relativeMagnitude(w, 64),
      refined: await backend.refineScales([w], gram, grid, new Float32Array(K).fill(1), {
        factors: Float32Array.of(0.9, 1.1),
        channelOf: Uint32Array.from({ length: K }, (_, k) => k),
      }),
      summary: await backend.summarize(w),
    };
  }
  const one = await results(1);
  for (const threads of [2, 3]) assert.deepEqual(await results(threads), one, `${threads} threads`);
});
