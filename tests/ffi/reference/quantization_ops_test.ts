import type { AffineGrid, InputMoment } from "../../../core/backend.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import assert from "node:assert/strict";
import { assertAllClose, flat, golden } from "./golden.ts";

const backend = createReferenceBackend();
const { searches } = golden;
const grid: AffineGrid = {
  bits: 3,
  groupSize: 8,
  symmetric: false,
  scaleDtype: "F16",
  range: "minmax",
};

function matrix(rows: readonly (readonly number[])[]): Tensor {
  const { values, shape } = flat(rows);
  return backend.upload(values, "F32", shape);
}

const x = matrix(searches.x);
const w = matrix(searches.w);
const moments: InputMoment[] = [
  { kind: "gram", gram: matrix(searches.gram) },
  { kind: "tokens", sample: x, weight: 1 },
];

Deno.test("the Gram and the sums of absolute values are those of torch", async () => {
  const gram = backend.zeros("F32", [16, 16]);
  const sum = backend.zeros("F64", [16]);
  const max = backend.zeros("F32", [16]);
  for (const [start, count] of [[0, 13], [13, 27]] as const) {
    using part = backend.rows(x, start, count);
    await backend.accumulateGram(part, gram);
    await backend.accumulateAbs(part, sum, max);
  }
  assertAllClose(backend.download(gram), searches.gram.flat());
  assertAllClose(new Float64Array(backend.downloadBytes(sum).buffer), searches.absSum, 1e-15);
  assertAllClose(backend.download(max), searches.absMax, 0);
});

Deno.test("the losses of scales are those of the outputs that torch computed", async () => {
  for (const moment of moments) {
    const losses = await backend.scaleLosses(w, moment, grid, matrix(searches.candidates));
    assertAllClose(losses, searches.losses, 1e-5);
    const energy = await backend.outputEnergy(w, moment);
    assertAllClose([energy], [searches.energy], 1e-6);
  }
});

Deno.test("the loss of a finished weight is that of scales of one; a sample's weight multiplies it", async () => {
  const ones = backend.upload(new Float32Array(16).fill(1), "F32", [1, 16]);
  using weight = await backend.quantize(w, grid);
  for (const moment of moments) {
    const loss = await backend.quantizationLoss(w, moment, weight);
    assert.equal(loss, (await backend.scaleLosses(w, moment, grid, ones))[0]);
    assert.ok(loss > 0);
  }
  const half = { kind: "tokens", sample: x, weight: 0.5 } as const;
  const whole = await backend.quantizationLoss(w, moments[1]!, weight);
  assert.equal(await backend.quantizationLoss(w, half, weight), whole / 2);
});

Deno.test("the clip search finds the bounds of the published search in torch", async () => {
  const expected = searches.bounds.flat();
  for (const moment of moments) {
    using result = await backend.clipSearch(w, moment, grid, { steps: 10, maxShrink: 0.5 });
    assertAllClose(backend.download(result.bounds), expected, 0);
    const largest = searches.w.flatMap((row) => [row.slice(0, 8), row.slice(8)])
      .map((group) => Math.max(...group.map(Math.abs)));
    const clipped = expected.filter((bound, i) => bound < largest[i]!).length;
    assert.equal(result.clipped, clipped);
    assert.ok(clipped > 0 && clipped < expected.length, "the data has both kinds of groups");
  }
});

Deno.test("refineScales takes the same steps as a search that recomputes everything", async () => {
  const { factors, initialLoss, loss, s } = searches.refined;
  const moment = moments[0]!;
  assert.ok(moment.kind === "gram");
  const start = Float32Array.from(searches.candidates[0]!);
  const channelOf = Uint32Array.from(start, (_, k) => Math.floor(k / 2));
  const options = { factors: Float32Array.from(factors), channelOf };
  const whole = await backend.refineScales([w], moment.gram, grid, start, options);
  assertAllClose(whole.s, s, 0);
  assertAllClose([whole.initialLoss, whole.loss], [initialLoss, loss], 1e-5);
  assert.ok(loss < initialLoss);
  const parts = [backend.rows(w, 0, 2), backend.rows(w, 2, 4)];
  const inParts = await backend.refineScales(parts, moment.gram, grid, start, options);
  assert.deepEqual(inParts, whole);
});

Deno.test("relativeMagnitude is AutoAWQ's mean in torch", async () => {
  assertAllClose(await backend.relativeMagnitude(w, 8), searches.magnitude);
});
