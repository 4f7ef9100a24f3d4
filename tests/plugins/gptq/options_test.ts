import assert from "node:assert/strict";
import { SalientError } from "../../../core/plugin.ts";
import { gptq, type GptqOptions } from "../../../plugins/gptq/mod.ts";
import { resolveGptqOptions } from "../../../plugins/gptq/options.ts";

Deno.test("resolveGptqOptions() fills in the defaults", () => {
  assert.deepEqual(resolveGptqOptions({}), {
    grid: {},
    damping: 0.01,
    order: "activation",
    groups: "static",
    ranges: { steps: 10, maxShrink: 0.5, sweeps: 1 },
    sequential: false,
    propagate: true,
  });
});

Deno.test("resolveGptqOptions() passes on what is given", () => {
  const { grid, ranges, order } = resolveGptqOptions({
    bits: 3,
    groupSize: -1,
    symmetric: true,
    order: "natural",
    ranges: { steps: 5 },
  });
  assert.deepEqual(grid, { bits: 3, groupSize: -1, symmetric: true });
  assert.deepEqual(ranges, { steps: 5, maxShrink: 0.5, sweeps: 1 });
  assert.equal(order, "natural");
  assert.equal(resolveGptqOptions({ ranges: false }).ranges, undefined);
  assert.equal(resolveGptqOptions({ order: "natural", groups: "dynamic" }).ranges, undefined);
});

Deno.test("gptq() refuses wrong options by name", () => {
  const wrong: [unknown, RegExp][] = [
    [{ bits: 1 }, /Bits/],
    [{ groupSize: 0 }, /Group size/],
    [{ damping: -1 }, /damping/],
    [{ damping: "1" }, /damping/],
    [{ damping: NaN }, /damping/],
    [{ order: "random" }, /order/],
    [{ groups: "none" }, /groups/],
    [{ groups: "dynamic" }, /order groups/],
    [{ groups: "dynamic", order: "natural", ranges: true }, /static groups/],
    [{ ranges: "yes" }, /ranges/],
    [{ ranges: { steps: 0 } }, /ranges\.steps/],
    [{ ranges: { maxShrink: 0 } }, /ranges\.maxShrink/],
    [{ ranges: { step: 3 } }, /ranges\.step of gptq is unknown/],
    [{ sequential: 1 }, /sequential/],
    [{ propagate: "no" }, /propagate/],
    [{ actOrder: true }, /actOrder of gptq is unknown/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => gptq(options as GptqOptions), (error) => {
      assert.ok(error instanceof SalientError, JSON.stringify(options));
      assert.equal(error.code, "usage");
      assert.match(error.message, message);
      return true;
    });
  }
});
