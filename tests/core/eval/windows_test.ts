import assert from "node:assert/strict";
import fc from "fast-check";
import { evaluationWindows } from "../../../core/eval/windows.ts";

Deno.test("evaluationWindows() cuts whole windows side by side and drops the rest", () => {
  assert.deepEqual(evaluationWindows(11, 4), [
    { start: 0, length: 4, firstScored: 1 },
    { start: 4, length: 4, firstScored: 1 },
  ]);
});

Deno.test("evaluationWindows() with a stride scores every token but the first exactly once", () => {
  fc.assert(fc.property(
    fc.integer({ min: 2, max: 60 }),
    fc.integer({ min: 2, max: 20 }),
    fc.integer({ min: 1, max: 19 }),
    (tokens, seqLen, step) => {
      // With the stride as long as the window, a window's first token has nothing before it.
      const stride = Math.min(step, seqLen - 1);
      const scored = evaluationWindows(tokens, seqLen, stride).flatMap((window) => {
        assert.ok(window.length <= seqLen && window.firstScored >= 1);
        const count = window.length - window.firstScored;
        return Array.from({ length: count }, (_, i) => window.start + window.firstScored + i);
      });
      assert.deepEqual(scored, Array.from({ length: tokens - 1 }, (_, i) => i + 1));
    },
  ));
});

Deno.test("evaluationWindows() refuses short texts with their length, and bad options", () => {
  assert.throws(() => evaluationWindows(100, 256), {
    code: "input",
    message: /^Text has 100 tokens but a window takes 256/,
  });
  assert.throws(() => evaluationWindows(0, 256, 128), { code: "input", message: /has 0 tokens/ });
  assert.throws(() => evaluationWindows(1, 256, 128), { code: "input", message: /has 1 tokens/ });
  for (const seqLen of [1, 0, -4, 2.5, NaN]) {
    assert.throws(() => evaluationWindows(100, seqLen), { code: "usage" });
  }
  for (const stride of [0, 9, 1.5, NaN]) {
    assert.throws(() => evaluationWindows(100, 8, stride), { code: "usage" });
  }
});
