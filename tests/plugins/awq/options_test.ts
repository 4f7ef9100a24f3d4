import assert from "node:assert/strict";
import { SalientError } from "../../../core/plugin.ts";
import { awq, type AwqOptions } from "../../../plugins/awq/mod.ts";
import { resolveAwqOptions } from "../../../plugins/awq/options.ts";

Deno.test("resolveAwqOptions() fills in the defaults", () => {
  assert.deepEqual(resolveAwqOptions({}), {
    grid: {},
    gridPoints: 20,
    weightTerms: [false],
    objective: "gram",
    clip: { steps: 10, maxShrink: 0.5, sweeps: 2 },
    search: "grid",
    finalists: 4,
    outputs: 480,
    quantize: true,
    tokens: 2048,
    sequences: 32,
  });
});

Deno.test("resolveAwqOptions() passes on what is given", () => {
  const resolved = resolveAwqOptions({
    bits: 3,
    groupSize: -1,
    symmetric: true,
    scaleDtype: "BF16",
    range: "zero",
    duoScaling: "both",
    clip: { sweeps: 0 },
  });
  const { grid, weightTerms, clip } = resolved;
  assert.deepEqual(grid, {
    bits: 3,
    groupSize: -1,
    symmetric: true,
    scaleDtype: "BF16",
    range: "zero",
  });
  assert.deepEqual(weightTerms, [false, true]);
  assert.deepEqual(clip, { steps: 10, maxShrink: 0.5, sweeps: 0 });
  assert.equal(resolveAwqOptions({ clip: false }).clip, undefined);
});

Deno.test("awq() refuses wrong options by name", () => {
  const wrong: [unknown, RegExp][] = [
    [{ bits: 1 }, /Bits/],
    [{ groupSize: 0 }, /Group size/],
    [{ scaleDtype: "F8" }, /Scale dtype/],
    [{ range: "max" }, /Range/],
    [{ symmetric: 1 }, /Symmetric/],
    [{ gridPoints: 1 }, /gridPoints/],
    [{ gridPoints: 2.5 }, /gridPoints/],
    [{ duoScaling: "yes" }, /duoScaling/],
    [{ objective: "mse" }, /objective/],
    [{ clip: "yes" }, /clip/],
    [{ clip: { steps: 0 } }, /clip\.steps/],
    [{ clip: { maxShrink: 0 } }, /clip\.maxShrink/],
    [{ clip: { maxShrink: NaN } }, /clip\.maxShrink/],
    [{ clip: { sweeps: -1 } }, /clip\.sweeps/],
    [{ clip: { step: 3 } }, /step of awq\.clip is unknown: did you mean steps/],
    [{ search: "all" }, /search/],
    [{ finalists: 0 }, /finalists/],
    [{ outputs: 0 }, /outputs/],
    [{ tokens: 0 }, /tokens/],
    [{ sequences: "8" }, /sequences/],
    [{ groupsize: 32 }, /groupsize of awq is unknown/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => awq(options as AwqOptions), (error) => {
      assert.ok(error instanceof SalientError, JSON.stringify(options));
      assert.equal(error.code, "usage");
      assert.match(error.message, message);
      return true;
    });
  }
});
