/**
 * Windows of tokens.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { chooseWindows } from "../../../core/calibration/windows.ts";

const stream = fc.integer({ min: 0, max: 400 }).map((length) =>
  Int32Array.from({ length }, (_, index) => index)
);
const samples = fc.integer({ min: 1, max: 50 });
const seqLen = fc.integer({ min: 1, max: 40 });

Deno.test("seed 0 gives every token in order, once, up to the last whole window", () => {
  fc.assert(fc.property(stream, samples, seqLen, (stream, samples, seqLen) => {
    const windows = chooseWindows(stream, samples, seqLen, 0);
    const count = Math.min(samples, Math.floor(stream.length / seqLen));
    assert.deepEqual(windows, stream.slice(0, count * seqLen));
  }));
});

Deno.test("other seeds give whole windows of the stream, none twice, the same every time", () => {
  const seed = fc.integer().filter((seed) => seed !== 0);
  fc.assert(fc.property(stream, samples, seqLen, seed, (stream, samples, seqLen, seed) => {
    const windows = chooseWindows(stream, samples, seqLen, seed);
    const count = Math.min(samples, Math.floor(stream.length / seqLen));
    assert.equal(windows.length, count * seqLen);
    const starts = new Set<number>();
    for (let i = 0; i < count; i++) {
      const window = windows.subarray(i * seqLen, (i + 1) * seqLen);
      const start = window[0]!;
      assert.equal(start % seqLen, 0);
      assert.deepEqual(window, stream.slice(start, start + seqLen));
      starts.add(start);
    }
    assert.equal(starts.size, count);
    assert.deepEqual(chooseWindows(stream, samples, seqLen, seed), windows);
  }));
});

Deno.test("seeds differ, and every window has its chance", () => {
  const stream = Int32Array.from({ length: 100 }, (_, index) => index);
  const firsts = new Set<number>();
  for (let seed = 1; seed <= 1000; seed++) firsts.add(chooseWindows(stream, 1, 1, seed)[0]!);
  assert.equal(firsts.size, 100);
});
