import assert from "node:assert/strict";
import { smoothingFactors } from "../../../plugins/smoothquant/factors.ts";

const each = Uint32Array.of(0, 1, 2);

Deno.test("smoothingFactors() are the published ones but for a common factor", () => {
  const [inputs, weights] = [[100, 1, 4], [0.5, 0.25, 2]];
  for (const alpha of [0, 0.5, 0.85, 1]) {
    const found = smoothingFactors(
      Float32Array.from(inputs),
      Float32Array.from(weights),
      alpha,
      each,
    );
    const published = inputs.map((x, k) => x ** alpha / weights[k]! ** (1 - alpha));
    const common = published[0]! / found[0]!;
    found.forEach((factor, k) => assert.ok(Math.abs(factor * common / published[k]! - 1) < 1e-6));
    // Their geometric mean is 1.
    const product = found.reduce((all, factor) => all * factor, 1);
    assert.ok(Math.abs(product - 1) < 1e-5, `${product}`);
  }
});

Deno.test("smoothingFactors() make activations and weights alike at alpha 0.5", () => {
  const [inputs, weights] = [Float32Array.of(100, 1, 4), Float32Array.of(0.5, 0.25, 2)];
  const factors = smoothingFactors(inputs, weights, 0.5, each);
  const ratios = factors.map((factor, k) => inputs[k]! / factor / (weights[k]! * factor));
  for (const ratio of ratios) assert.ok(Math.abs(ratio / ratios[0]! - 1) < 1e-5);
});

Deno.test("smoothingFactors() leave channels that no token used, and tie those that must be equal", () => {
  const dead = smoothingFactors(
    Float32Array.of(100, 0, 4),
    Float32Array.of(1, 1, 0),
    0.5,
    each,
  );
  assert.equal(dead[1], 1);
  assert.ok(dead.every((factor) => factor > 0 && Number.isFinite(factor)));
  const nothing = smoothingFactors(new Float32Array(3), new Float32Array(3), 0.5, each);
  assert.deepEqual([...nothing], [1, 1, 1]);
  const tied = smoothingFactors(
    Float32Array.of(1, 100, 4),
    Float32Array.of(2, 1, 1),
    0.5,
    Uint32Array.of(0, 0, 1),
  );
  assert.equal(tied[0], tied[1]);
  // The largest of both: sqrt(100) / sqrt(2) beside sqrt(4) / sqrt(1).
  assert.ok(Math.abs(tied[0]! / tied[2]! - Math.sqrt(100 * 2) / 2 / 2) < 1e-5);
});
