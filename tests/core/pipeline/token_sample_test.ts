import assert from "node:assert/strict";
import { TokenSample } from "../../../core/pipeline/token_sample.ts";
import { testBackends } from "../../test_backends.ts";

/** Rows [first, first + rows) of X, whose row t is (t, -t). */
function rowsFrom(first: number, rows: number): Float32Array {
  return Float32Array.from({ length: 2 * rows }, (_, i) => {
    const row = first + (i >> 1);
    return i % 2 === 0 ? row : -row;
  });
}

for (const { name, create } of testBackends()) {
  Deno.test(`a sample of an unknown number of tokens is spread over all of them (${name})`, async () => {
    using backend = await create();
    for (const total of [1, 7, 8, 9, 16, 17, 100, 1000]) {
      const kept: number[][] = [];
      for (const batch of [1, 3, 64, 1000]) {
        using sample = new TokenSample(backend, 8, 2, undefined);
        assert.equal(sample.tensor, undefined);
        for (let first = 0; first < total; first += batch) {
          const count = Math.min(batch, total - first);
          using input = backend.upload(rowsFrom(first, count), "F32", [count, 2]);
          await sample.add(input, first);
        }
        const { tensor } = sample;
        assert.ok(tensor !== undefined);
        const values = [...backend.download(tensor)];
        kept.push(values.filter((_, i) => i % 2 === 0));
        assert.deepEqual(values.filter((_, i) => i % 2 === 1), kept.at(-1)?.map((v) => -v));
        assert.equal(sample.tensor, tensor, "the same object");
      }
      const [first = []] = kept;
      for (const other of kept) assert.deepEqual(other, first, `${total} rows, any batch`);
      const step = (first[1] ?? 1) - (first[0] ?? 0);
      assert.deepEqual(first, first.map((_, i) => i * step), "equal steps from the first row");
      assert.ok(first.length <= 8 && first.length > Math.min(total, 8) / 2);
      assert.ok(total - (first.at(-1) ?? 0) <= step, "up to the end");
    }
  });
}

Deno.test("a sample can be scaled, forgotten and filled again", async () => {
  const { create } = testBackends()[0]!;
  using backend = await create();
  using sample = new TokenSample(backend, 4, 2, undefined);
  using input = backend.upload(rowsFrom(0, 6), "F32", [6, 2]);
  await sample.add(input, 0);
  await sample.scale(Float32Array.of(10, 1));
  assert.deepEqual([...backend.download(sample.tensor!)], [0, -0, 20, -2, 40, -4]);
  sample.reset();
  assert.equal(sample.tensor, undefined);
  using two = backend.rows(input, 1, 2);
  await sample.add(two, 0);
  assert.deepEqual([...backend.download(sample.tensor!)], [1, -1, 2, -2]);
});
