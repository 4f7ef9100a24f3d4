import assert from "node:assert/strict";
import { SalientError } from "../../../core/plugin.ts";
import { smoothquant, type SmoothQuantOptions } from "../../../plugins/smoothquant/mod.ts";
import { resolveSmoothQuantOptions } from "../../../plugins/smoothquant/options.ts";

Deno.test("resolveSmoothQuantOptions() fills in the defaults", () => {
  assert.deepEqual(resolveSmoothQuantOptions({}), {
    alpha: 0.5,
    sets: ["attention", "mlp", "down", "output"],
    quantize: true,
    activations: "dynamic",
    tokens: 512,
    grid: { bits: 8, groupSize: -1, symmetric: true },
  });
  assert.equal(resolveSmoothQuantOptions({ quantize: false }).activations, "none");
});

Deno.test("smoothquant() has the hooks that its options need", () => {
  const only = smoothquant({ quantize: false });
  assert.deepEqual([only.quantizeLinear, only.quantizeActivation], [undefined, undefined]);
  assert.ok(smoothquant({ quantize: false, activations: "static" }).quantizeActivation);
  assert.ok(smoothquant({ activations: "none" }).quantizeLinear);
  assert.equal(smoothquant({ activations: "none" }).quantizeActivation, undefined);
});

Deno.test("smoothquant() refuses wrong options by name", () => {
  const wrong: [unknown, RegExp][] = [
    [{ alpha: -0.1 }, /alpha/],
    [{ alpha: "auto" }, /alpha/],
    [{ alpha: "0.5" }, /alpha/],
    [{ sets: "mlp" }, /sets/],
    [{ sets: ["mlp", "all"] }, /sets/],
    [{ quantize: 1 }, /quantize/],
    [{ activations: true }, /activations/],
    [{ tokens: 1.5 }, /tokens/],
    [{ bits: 1 }, /Bits/],
    [{ groupSize: 0 }, /Group size/],
    [{ scaleDtype: "F8" }, /Scale dtype/],
    [{ Alpha: 0.5 }, /Alpha of smoothquant is unknown/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => smoothquant(options as SmoothQuantOptions), (error) => {
      assert.ok(error instanceof SalientError, JSON.stringify(options));
      assert.equal(error.code, "usage");
      assert.match(error.message, message);
      return true;
    });
  }
});
