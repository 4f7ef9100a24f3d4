import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { findFormat } from "../../../core/export/formats.ts";
import type { ExportFormat } from "../../../core/export/types.ts";
import { openModel } from "../../../core/model/open_model.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { RunOptions } from "../../../core/pipeline/run_options.ts";
import type { LayerRule } from "../../../core/rules/layer_rule.ts";
import { awq } from "../../../plugins/awq/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { GROUPED, logitsOf, nearest, tinyCalibration, Workshop } from "./pipeline_fixtures.ts";

const IDS = tinyCalibration(1, 20).ids;

/** Quantizes in memory, with a warning for each rule that names nothing. */
async function kept(rules: readonly LayerRule[], options: Partial<RunOptions> = {}) {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  const warnings: string[] = [];
  const onEvent = (event: PipelineEvent) => {
    if (event.type === "log") warnings.push(event.message);
  };
  const model = workshop.model;
  const plugins = [nearest({ bits: 3 })];
  const result = await quantizeInMemory({ model, backend, plugins, rules, onEvent, ...options });
  using _ = result.model;
  return { ...result.report, warnings };
}

/** The error of writing with these rules; nothing may be left behind. */
async function refusal(
  rules: readonly LayerRule[],
  options: Partial<RunOptions> & { format?: ExportFormat } = {},
): Promise<SalientError> {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  let blocks = 0;
  try {
    await quantize({
      model: workshop.model,
      backend,
      plugins: [nearest()],
      rules,
      out: workshop.out,
      onEvent: ({ type }) => void (blocks += type === "block" ? 1 : 0),
      ...options,
    });
  } catch (error) {
    assert.ok(error instanceof SalientError, `${error}`);
    assert.deepEqual(workshop.names(), ["model"]);
    assert.equal(blocks, options.plugins === undefined ? 0 : 1, "refused before any work");
    return error;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("rules give linears their bits, groups and symmetry, and the report says so", async () => {
  const rules: LayerRule[] = [
    { match: "*.down_proj", bits: 8, groupSize: -1 },
    { match: "model.layers.1.self_attn.*", symmetric: true, bits: 4 },
    { match: "gate", skip: true },
    { match: "lm_head", skip: true },
    { match: "*.dwn_proj", bits: 2 },
  ];
  const report = await kept(rules);
  const shown = report.layers.map(({ name, method, bits, groupSize }) =>
    [name.split(".").at(-1), method, bits, groupSize].join(" ")
  );
  assert.deepEqual(shown, [
    ...["q", "k", "v", "o"].map((role) => `${role}_proj nearest 3 16`),
    "gate_proj none 32 0",
    "up_proj nearest 3 16",
    "down_proj nearest 8 64",
    ...["q", "k", "v", "o"].map((role) => `${role}_proj nearest 4 16`),
    "gate_proj none 32 0",
    "up_proj nearest 3 16",
    "down_proj nearest 8 64",
  ]);
  assert.deepEqual([report.bits, report.groupSize], [null, null]);
  assert.deepEqual(report.rules.map(({ linears }) => linears), [2, 4, 2, 0, 0]);
  assert.deepEqual(report.rules.map(({ rule }) => rule), rules);
  assert.deepEqual(report.warnings, [
    "Rule 5 (*.dwn_proj) names no linear: did you mean *.down_proj?",
  ]);
  // Weights: q and o 1024, k and v 512, gate, up and down 2048.
  const [three, four, eight] = [3 + 19 / 16, 4 + 16 / 16, 8 + 24 / 64];
  const bits = 3072 * three + 3072 * four + 2 * 2048 * (32 + three + eight);
  assert.ok(Math.abs(report.bitsPerWeight - bits / (2 * 9216)) < 1e-12);
});

Deno.test("rules hold for AWQ, in its search and in what it rounds", async () => {
  const options = { calibration: tinyCalibration(), plugins: [awq({ bits: 3, groupSize: 16 })] };
  const plain = await kept([], options);
  const ruled = await kept([{ match: "{*.v_proj,*.down_proj}", bits: 8 }], options);
  assert.deepEqual(ruled.rules.map(({ linears }) => linears), [4]);
  for (const [i, layer] of ruled.layers.entries()) {
    const raised = /[vn]_proj$/.test(layer.name);
    assert.equal(layer.bits, raised ? 8 : 3);
    if (raised) assert.ok(layer.error < plain.layers[i]!.error / 100, layer.name);
  }
});

Deno.test("a run with rules equals one whose plugin gives the same grids", async () => {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  using model = await workshop.open(backend);
  const byRule = await quantizeInMemory({
    model,
    backend,
    plugins: [nearest({ bits: 4 })],
    rules: [{ match: "o", bits: 2, groupSize: 8 }],
  });
  using ruled = byRule.model;
  const [four, two] = [nearest({ bits: 4 }), nearest({ bits: 2, groupSize: 8 })];
  const byPlugin = await quantizeInMemory({
    model,
    backend,
    plugins: [{
      ...four,
      quantizeLinear: (linear, ctx) =>
        (linear.role === "o" ? two : four).quantizeLinear?.(linear, ctx),
    }],
  });
  using own = byPlugin.model;
  assert.deepEqual(await logitsOf(ruled, IDS), await logitsOf(own, IDS));
});

Deno.test("rules that make all linears equal again are written by a format for one grid", async () => {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  await quantize({
    model: workshop.model,
    backend,
    plugins: [nearest({ bits: 4 })],
    rules: [{ match: "*", bits: 3, groupSize: 8 }, { match: "model.layers.0.*", skip: true }],
    out: workshop.out,
  });
  using model = await openModel(workshop.out, backend);
  assert.deepEqual([model.quantization?.bits, model.quantization?.groupSize], [3, 8]);
  assert.deepEqual(
    model.linears.map((linear) => model.quantization?.of(linear)?.bits),
    [...Array(7).fill(undefined), ...Array(7).fill(3)],
  );
});

Deno.test("what rules ask and cannot be had is refused before any work", async () => {
  const down = { match: "*.down_proj" };
  const cases: [LayerRule[], RegExp][] = [
    [
      [{ ...down, bits: 3 }],
      /^Format awq-gemm stores all linears on one grid, but .*0\.mlp\.down_proj has 3 bits .* and .*0\.self_attn\.q_proj has 4 bits in groups of 16/,
    ],
    [[{ ...down, groupSize: 8 }], /has 4 bits in groups of 8 and .* in groups of 16/],
    [
      [{ ...down, bits: 8 }],
      /at most 4 bits, not the 8 of .*use 4 or fewer \(rule \*\.down_proj\)$/,
    ],
    [[{ match: "q", groupSize: 24 }], /^Group size 24 does not divide the 32 .*\(rule q\)$/],
    [[{ match: "*", skip: true }], /^Every linear is skipped/],
    [[{ match: "q", bits: 0 }], /^In Rule 1 \(q\) bits must be/],
  ];
  for (const [rules, text] of cases) {
    const error = await refusal(rules);
    assert.match(error.message, text);
    assert.equal(error.exitStatus, 2);
  }
});

Deno.test("a plugin that does not ask for its grid is told of the rule it breaks", async () => {
  const stubborn = nearest({}, {
    name: "stubborn",
    async quantizeLinear(linear, ctx) {
      const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
      return { weight: await ctx.ops.quantize(linear.weight, { ...grid, bits: 4 }) };
    },
  });
  const format = { ...findFormat("awq-gemm"), mixed: true };
  const error = await refusal([{ match: "v", bits: 2 }], { plugins: [stubborn], format });
  assert.match(
    error.message,
    /v_proj was rounded with bits 4 where the rule v says 2: the plugin must take its grid from/,
  );
  assert.deepEqual([error.code, error.plugin], ["plugin", "stubborn"]);
});
