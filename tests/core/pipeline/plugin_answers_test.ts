import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import type { LinearView, Plugin } from "../../../core/plugin.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { GRID, LINEAR, make, plugin, rejection } from "./driver_fixtures.ts";

Deno.test("PluginDriver merges observations", () => {
  const driver = make([
    plugin("a", { observe: () => ({ absMean: true, tokens: 10 }) }),
    plugin("b", { observe: () => undefined }),
    plugin("c", { observe: ({ role }) => ({ gram: role === "up", tokens: 4, sequences: 2 }) }),
  ]);
  assert.deepEqual(driver.observe(LINEAR), {
    absMean: true,
    absMax: false,
    gram: true,
    tokens: 10,
    sequences: 2,
  });
});

Deno.test("PluginDriver refuses observations that make no sense", () => {
  const cases: [unknown, RegExp][] = [
    [{ mean: true }, /unknown statistic mean: use absMean/],
    [{ tokens: -1 }, /tokens the value -1/],
    [{ tokens: 1.5 }, /tokens the value 1.5/],
    [{ gram: 1 }, /gram the value 1: use true or false/],
    [Promise.resolve({}), /it must answer at once/],
    ["gram", /no object/],
  ];
  for (const [answer, text] of cases) {
    const driver = make([plugin("mine", { observe: () => answer as never })]);
    assert.throws(() => driver.observe(LINEAR), (error) => {
      assert.ok(error instanceof SalientError);
      assert.match(error.message, text);
      assert.deepEqual([error.plugin, error.hook, error.tensor], ["mine", "observe", LINEAR.name]);
      return true;
    });
  }
});

Deno.test("PluginDriver takes the first answer and asks nobody after it", async () => {
  using backend = createReferenceBackend();
  using weight = backend.zeros("F32", [8, 16]);
  const asked: string[] = [];
  const view = { ...LINEAR, weight } as unknown as LinearView;
  const leaves = (name: string): Plugin =>
    plugin(name, {
      quantizeLinear: () => {
        asked.push(name);
        return undefined;
      },
    });
  const driver = make([
    leaves("a"),
    plugin("b", {
      quantizeLinear: async (linear, ctx) => ({
        weight: await ctx.ops.quantize(linear.weight, GRID),
      }),
    }),
    leaves("c"),
  ], { ops: backend });
  const answered = await driver.quantizeLinear(view);
  using answer = answered?.answer.weight;
  assert.equal(answered?.plugin, "b");
  assert.equal(answer?.grid.bits, 3);
  assert.deepEqual(asked, ["a"]);
  assert.equal(await make([leaves("d")]).quantizeLinear(view), undefined);
});

Deno.test("PluginDriver refuses quantized weights that are none", async () => {
  using backend = createReferenceBackend();
  const good = {
    grid: GRID,
    codes: backend.zeros("U8", [8, 16]),
    scales: backend.upload(new Float32Array(16).fill(0.5), "F32", [8, 2]),
    zeros: backend.zeros("U8", [8, 2]),
    [Symbol.dispose]() {},
  };
  const scale = (value: number) =>
    backend.upload(new Float32Array(16).fill(1).fill(value, 5, 6), "F32", [8, 2]);
  const code = (value: number, length: number) =>
    backend.upload(new Uint8Array(8 * length).fill(value, length + 1, length + 2), "U8", [
      8,
      length,
    ]);
  const cases: [unknown, RegExp][] = [
    [7, /something else than \{ weight \}/],
    [{ weight: null }, /something else than/],
    [{ weight: good, clipped: 1.5 }, /clipped the value 1.5/],
    [{ weight: { ...good, grid: undefined } }, /no grid/],
    [{ weight: { ...good, grid: { ...GRID, bits: 9 } } }, /9 bits/],
    [{ weight: { ...good, grid: { ...GRID, groupSize: -1 } } }, /group size -1/],
    [{ weight: { ...good, grid: { ...GRID, groupSize: 6 } } }, /group size 6/],
    [{ weight: { ...good, codes: undefined } }, /no tensor of codes/],
    [
      { weight: { ...good, codes: good.zeros } },
      /gave codes U8 \[8, 2\] where U8 \[8, 16\] is wanted/,
    ],
    [{ weight: { ...good, scales: good.zeros } }, /scales U8 \[8, 2\] where F32/],
    [{ weight: { ...good, codes: code(8, 16) } }, /the code 8, which is above 7/],
    [{ weight: { ...good, zeros: code(255, 2) } }, /the zero point 255, which is above 7/],
    [{ weight: { ...good, scales: scale(0) } }, /the scale 0: scales must be finite/],
    [{ weight: { ...good, scales: scale(-1) } }, /the scale -1/],
    [{ weight: { ...good, scales: scale(NaN) } }, /the scale NaN/],
    [{ weight: { ...good, scales: scale(Infinity) } }, /the scale Infinity/],
  ];
  for (const [answer, text] of cases) {
    const driver = make([plugin("mine", { quantizeLinear: () => answer as never })], {
      ops: backend,
    });
    const error = await rejection(driver.quantizeLinear(LINEAR as unknown as LinearView));
    assert.match(error.message, text);
    assert.equal(error.code, "plugin");
    assert.deepEqual(
      [error.plugin, error.hook, error.tensor],
      ["mine", "quantizeLinear", LINEAR.name],
    );
  }
  const driver = make([plugin("mine", { quantizeLinear: () => ({ weight: good }) })], {
    ops: backend,
  });
  assert.equal((await driver.quantizeLinear(LINEAR as unknown as LinearView))?.plugin, "mine");
});
