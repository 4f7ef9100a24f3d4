import assert from "node:assert/strict";
import * as fc from "fast-check";
import { makeCandidates, makeScales, tie } from "../../../plugins/awq/candidates.ts";

function close(found: Iterable<number>, expected: readonly number[]): void {
  const values = [...found];
  assert.equal(values.length, expected.length);
  values.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 1e-6, `${values}`));
}

Deno.test("makeScales() is mean^a, normalised by the root of largest times least", () => {
  close(makeScales(Float32Array.of(1, 4, 16), undefined, 0.5), [0.5, 1, 2]);
  close(makeScales(Float32Array.of(1, 4, 16), undefined, 0), [1, 1, 1]);
});

Deno.test("makeScales() divides by the weights' term", () => {
  const [x, w, a] = [[1, 4], [0.25, 0.5], 0.5];
  const raw = x.map((mean, k) => mean ** a / (w[k]! ** (1 - a) + 1e-4));
  const middle = Math.sqrt(raw[0]! * raw[1]!);
  const scales = makeScales(Float32Array.from(x), Float32Array.from(w), a);
  close(scales, raw.map((value) => value / middle));
});

Deno.test("makeScales() gives a channel that no token used the least scale of the others", () => {
  close(makeScales(Float32Array.of(0, 1, 16), undefined, 0.5), [0.5, 0.5, 2]);
  close(makeScales(Float32Array.of(0, 0), undefined, 0.5), [1, 1]);
});

Deno.test("makeScales() is positive and finite whatever the means", () => {
  const means = fc.float32Array({ min: 0, noNaN: true, minLength: 1, maxLength: 8 });
  fc.assert(fc.property(means, fc.double({ min: 0, max: 1, noNaN: true }), (mean, exponent) => {
    for (const scale of makeScales(mean, undefined, exponent)) {
      assert.ok(scale > 0 && Number.isFinite(scale));
    }
  }));
});

Deno.test("makeCandidates() puts the identity first and tries both ends of the exponent", () => {
  const mean = Float32Array.of(1, 4);
  const plain = makeCandidates(mean, undefined, 5, [false]);
  assert.deepEqual(plain.map(({ exponent }) => exponent), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual([...plain[0]!.scales], [1, 1]);
  const both = makeCandidates(mean, mean, 5, [false, true]);
  assert.equal(both.length, 10);
  assert.deepEqual([...both[0]!.scales], [1, 1]);
  assert.deepEqual(both.filter(({ weightTerm }) => weightTerm).map(({ exponent }) => exponent), [
    0,
    0.25,
    0.5,
    0.75,
    1,
  ]);
});

Deno.test("tie() averages what shares a scale", () => {
  close(tie(Float32Array.of(1, 2, 3, 6), Uint32Array.of(0, 1, 0, 1), 2), [2, 4, 2, 4]);
  close(tie(Float32Array.of(1, 2), Uint32Array.of(0, 1), 2), [1, 2]);
});
