import assert from "node:assert/strict";
import { NO_OBSERVATION } from "../../../core/pipeline/observation.ts";
import { SiteStatistics } from "../../../core/pipeline/statistics.ts";
import { seededRandom } from "../../../core/random.ts";
import { testBackends } from "../../test_backends.ts";

const [SAMPLES, SEQ_LEN, CHANNELS] = [5, 7, 6];
const ROWS = SAMPLES * SEQ_LEN;

function seededInputs(): Float32Array {
  const random = seededRandom("inputs");
  return Float32Array.from({ length: ROWS * CHANNELS }, () => random() - 0.4);
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5) {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    const [a, e] = [actual[i] ?? NaN, expected[i] ?? NaN];
    assert.ok(Math.abs(a - e) <= tolerance * Math.max(1, Math.abs(e)), `${a} is not ${e} at ${i}`);
  }
}

for (const { name, create } of testBackends()) {
  Deno.test(`SiteStatistics equals the naive statistics, in batches of any size (${name})`, async () => {
    using backend = await create();
    const x = seededInputs();
    const at = (row: number, k: number): number => x[row * CHANNELS + k] ?? NaN;
    const rows = Array.from({ length: ROWS }, (_, row) => row);
    const channels = Array.from({ length: CHANNELS }, (_, k) => k);
    const absMean = channels.map((k) =>
      rows.reduce((s, row) => s + Math.abs(at(row, k)), 0) / ROWS
    );
    const absMax = channels.map((k) => Math.max(...rows.map((row) => Math.abs(at(row, k)))));
    const gram = channels.flatMap((i) =>
      channels.map((j) => rows.reduce((s, row) => s + at(row, i) * at(row, j), 0))
    );
    for (const batch of [1, 2, 5]) {
      using statistics = new SiteStatistics(backend, CHANNELS, {
        absMean: true,
        absMax: true,
        gram: true,
        tokens: 10,
        sequences: 3,
      }, { samples: SAMPLES, seqLen: SEQ_LEN });
      using all = backend.upload(x, "F32", [ROWS, CHANNELS]);
      for (let first = 0; first < SAMPLES; first += batch) {
        const count = Math.min(batch, SAMPLES - first);
        using part = backend.rows(all, first * SEQ_LEN, count * SEQ_LEN);
        await statistics.add(part);
      }
      const { view, moment } = statistics;
      assert.equal(view.tokens, ROWS);
      assertClose(view.absMean ?? [], absMean);
      assertClose(view.absMax ?? [], absMax, 0);
      assert.ok(view.gram !== undefined && view.sample !== undefined);
      assertClose(backend.download(view.gram), gram);
      const picked = [0, 3, 7, 10, 14, 17, 21, 24, 28, 31]; // i * 35 / 10
      assertClose(
        backend.download(view.sample),
        picked.flatMap((row) => channels.map((k) => at(row, k))),
        0,
      );
      assert.equal(view.sequences?.count, 3);
      assert.equal(view.sequences.length, SEQ_LEN);
      assertClose(
        backend.download(view.sequences.input),
        x.subarray(0, 3 * SEQ_LEN * CHANNELS),
        0,
      );
      assert.equal(moment?.kind, "gram");

      const factors = Float32Array.of(0.5, 1, 2, 4, 3, 0.1);
      const before = view.gram;
      await statistics.divide(factors);
      await statistics.divide(factors.map(() => 2));
      const scale = [...factors].map((factor) => 1 / (2 * factor));
      const after = statistics.view;
      assertClose(after.absMean ?? [], absMean.map((mean, k) => mean * (scale[k] ?? 1)));
      assertClose(after.absMax ?? [], absMax.map((most, k) => most * (scale[k] ?? 1)));
      assert.equal(after.gram, before);
      const scaled = channels.flatMap((i) =>
        channels.map((j) => (gram[i * CHANNELS + j] ?? 0) * (scale[i] ?? 1) * (scale[j] ?? 1))
      );
      assertClose(backend.download(before), scaled, 1e-4);
      assertClose(
        backend.download(view.sample),
        picked.flatMap((row) => channels.map((k) => at(row, k) * (scale[k] ?? 1))),
      );
      assertClose(
        backend.download(view.sequences.input),
        x.subarray(0, 3 * SEQ_LEN * CHANNELS).map((value, i) => value * (scale[i % CHANNELS] ?? 1)),
      );
    }
  });
}

Deno.test("SiteStatistics keeps only what was asked, and never more rows than there are", async () => {
  const [backendOf] = testBackends();
  using backend = await backendOf!.create();
  using all = backend.upload(seededInputs(), "F32", [ROWS, CHANNELS]);
  const windows = { samples: SAMPLES, seqLen: SEQ_LEN };
  using some = new SiteStatistics(
    backend,
    CHANNELS,
    { ...NO_OBSERVATION, tokens: 1000, sequences: 9 },
    windows,
  );
  await some.add(all);
  assert.deepEqual(Object.keys(some.view).sort(), ["sample", "sequences", "tokens"]);
  assert.deepEqual(some.view.sample?.shape, [ROWS, CHANNELS]);
  assert.equal(some.view.sequences?.count, SAMPLES);
  assert.ok(some.moment?.kind === "tokens");
  assert.equal(some.moment.weight, 1);
  using none = new SiteStatistics(backend, CHANNELS, NO_OBSERVATION, windows);
  assert.deepEqual(none.view, { tokens: 0 });
  assert.equal(none.moment, undefined);
});
