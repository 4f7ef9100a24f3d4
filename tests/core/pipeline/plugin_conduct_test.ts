import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import { quantize, type QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { BlockView, LinearView, Plugin, Tensor } from "../../../core/plugin.ts";
import { testBackends } from "../../test_backends.ts";
import { folding, GROUPED, nearest, tinyCalibration, Workshop } from "./pipeline_fixtures.ts";

const GRAM = { absMean: true, gram: true, tokens: 4, sequences: 1 };
const Q = "model.layers.0.self_attn.q_proj";

/** Runs a plugin that misbehaves, both ways; the error, and nothing is left behind. */
async function refusal(
  make: () => Plugin,
  options: Partial<QuantizeOptions> = {},
): Promise<SalientError> {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  const before = backend.allocatedBytes();
  let last: SalientError | undefined;
  for (const inMemory of [true, false]) {
    const common = {
      model: workshop.model,
      backend,
      calibration: tinyCalibration(),
      plugins: [make()],
      ...options,
    };
    try {
      if (inMemory) (await quantizeInMemory(common)).model[Symbol.dispose]();
      else await quantize({ ...common, format: "awq-gemm", out: workshop.out });
      assert.fail("nothing was thrown");
    } catch (error) {
      assert.ok(error instanceof SalientError, `not one of ours: ${error}`);
      assert.ok(!error.message.includes("\n"), "more than one line");
      assert.equal(last?.message ?? error.message, error.message);
      last = error;
    }
    assert.deepEqual(workshop.names(), ["model"]);
    // What the collector has found already is freed by its finalizer, in a turn of its own.
    for (let i = 0; i < 100 && backend.allocatedBytes() !== before; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(backend.allocatedBytes(), before, "tensors were left behind");
  }
  return last ?? assert.fail();
}

/** A plugin that rounds to nearest and has another hook too. */
function also(hooks: Partial<Plugin>): () => Plugin {
  return () => ({ ...nearest(), name: "mine", observe: () => GRAM, ...hooks });
}

Deno.test("a plugin that disposes what it does not own is told what", async () => {
  const tensors: [string, (linear: LinearView) => Tensor | undefined, RegExp][] = [
    ["weight", ({ weight }) => weight, /it has disposed the weight of \S+q_proj, which is not its/],
    ["gram", ({ statistics }) => statistics.gram, /disposed the statistics of \S+q_proj, which/],
    ["sample", ({ statistics }) => statistics.sample, /disposed the statistics of/],
    ["sequences", ({ statistics }) => statistics.sequences?.input, /disposed the statistics of/],
    ["moment", ({ moment }) => moment?.kind === "gram" ? moment.gram : undefined, /the statistics/],
  ];
  for (const [name, pick, text] of tensors) {
    const inLinear = await refusal(also({
      async quantizeLinear(linear, ctx) {
        const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
        const weight = await ctx.ops.quantize(linear.weight, grid);
        using tensor = pick(linear);
        assert.ok(tensor !== undefined, name);
        return { weight };
      },
    }));
    assert.match(inLinear.message, /^Plugin mine failed in quantizeLinear on model.layers.0.self/);
    assert.match(inLinear.message, text, name);
    const inBlock = await refusal(also({
      transformBlock(block) {
        using tensor = pick(block.linear(Q));
        assert.ok(tensor !== undefined, name);
      },
    }));
    assert.match(inBlock.message, /^Plugin mine failed in transformBlock on model.layers.0:/);
    assert.match(inBlock.message, text, name);
  }
});

Deno.test("a weight that was disposed harms nobody but the plugin that uses it", async () => {
  const error = await refusal(also({
    async quantizeLinear(linear, ctx) {
      linear.weight[Symbol.dispose]();
      const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
      return { weight: await ctx.ops.quantize(linear.weight, grid) };
    },
  }));
  assert.match(error.message, /^Plugin mine failed in quantizeLinear on \S+q_proj: .*disposed/);
  assert.deepEqual([error.plugin, error.hook, error.tensor], ["mine", "quantizeLinear", Q]);
});

Deno.test("a block may be changed in transformBlock only, and its calls are awaited", async () => {
  let kept: BlockView | undefined;
  const ones = (block: BlockView): Float32Array =>
    new Float32Array(block.scaleSets[0]!.channels).fill(1);
  const late = await refusal(also({
    transformBlock: (block) => void (kept = block),
    async quantizeLinear() {
      await kept!.foldScales(kept!.scaleSets[0]!, ones(kept!));
      return undefined;
    },
  }));
  assert.match(
    late.message,
    /in quantizeLinear on \S+: foldScales of model.layers.0 was called after transformBlock had ended/,
  );
  const hasty = await refusal(also({
    transformBlock(block) {
      block.foldScales(block.scaleSets[0]!, ones(block).fill(2)).catch(() => {});
    },
  }));
  assert.match(
    hasty.message,
    /in transformBlock on \S+: it ended before its calls of the block: await/,
  );
});

Deno.test("what is kept from a block that is done is of no use", async () => {
  let kept: LinearView | undefined;
  const view = await refusal(also({
    async quantizeLinear(linear, ctx) {
      kept ??= linear;
      const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
      const { weight } = linear.block === 0 ? linear : kept;
      return { weight: await ctx.ops.quantize(weight, grid) };
    },
  }));
  assert.match(
    view.message,
    /model.layers.1.self_attn.q_proj: the weight of \S+0\S+ was asked for after/,
  );
  let tensor: Tensor | undefined;
  const used = await refusal(also({
    async quantizeLinear(linear, ctx) {
      tensor ??= linear.weight;
      const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
      return { weight: await ctx.ops.quantize(linear.block === 0 ? linear.weight : tensor, grid) };
    },
  }));
  assert.match(used.message, /^Plugin mine failed in quantizeLinear on model.layers.1.*disposed/);
});

Deno.test("answers of the wrong shape, type or value are refused", async () => {
  const cases: [string, NonNullable<Plugin["quantizeLinear"]>, RegExp][] = [
    [
      "shape",
      async (linear, ctx) => {
        using part = ctx.ops.rows(linear.weight, 0, 8);
        const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
        return { weight: await ctx.ops.quantize(part, grid) };
      },
      /gave codes U8 \[8, 32\] where U8 \[32, 32\] is wanted$/,
    ],
    [
      "NaN",
      async (linear, ctx) => {
        const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
        const weight = await ctx.ops.quantize(linear.weight, grid);
        const scales = new Float32Array(weight.scales.size).fill(NaN);
        return {
          weight: { ...weight, scales: ctx.ops.upload(scales, "F32", weight.scales.shape) },
        };
      },
      /gave the scale NaN: scales must be finite and above 0$/,
    ],
    ["a string", () => "done" as never, /answered something else than \{ weight \}$/],
    ["a tensor", ({ weight }) => ({ weight }) as never, /gave no grid$/],
  ];
  for (const [name, quantizeLinear, text] of cases) {
    const error = await refusal(also({ quantizeLinear }));
    assert.match(error.message, text, name);
    assert.deepEqual([error.code, error.plugin, error.hook], ["plugin", "mine", "quantizeLinear"]);
  }
});

Deno.test("a hook that throws leaves nothing of what it has made", async () => {
  const error = await refusal(also({
    transformBlock(_, ctx) {
      ctx.ops.zeros("F32", [100, 100]); // forgotten
      const waiting = ctx.ops.cast(ctx.ops.zeros("F32", [64, 64]), "F16");
      waiting.then(() => ctx.ops.zeros("F32", [10])).catch(() => {});
      throw new TypeError("no such thing");
    },
  }));
  assert.match(error.message, /^Plugin mine failed in transformBlock on .*: no such thing$/);
});

Deno.test("a hook beyond its time limit is ended, and its later operations with it", async () => {
  for (const hook of ["setup", "transformModel", "transformBlock", "finish"] as const) {
    let last: unknown;
    const error = await refusal(
      also({
        [hook]: async (...args: unknown[]) => {
          const { ops } = args.at(-1) as Parameters<NonNullable<Plugin["setup"]>>[0];
          while (true) {
            await new Promise((resolve) => setTimeout(resolve, 1));
            try {
              using _ = ops.zeros("F32", [16]);
            } catch (error) {
              last = error;
              return;
            }
          }
        },
      }),
      { hookTimeout: 0.05 },
    );
    assert.match(error.message, /: it took longer than the 0.05 s of --hook-timeout$/);
    assert.deepEqual([error.code, error.plugin, error.hook], ["plugin", "mine", hook]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(String(last), /Operation zeros was called after the run ended/);
  }
  for (const hookTimeout of [0, -1, NaN, Infinity]) {
    const wrong = await refusal(also({}), { hookTimeout });
    assert.deepEqual([wrong.code, wrong.exitStatus], ["usage", 2]);
  }
});

Deno.test("tensors that a plugin forgets in a good run are freed with it", async () => {
  using backend = await testBackends().at(-1)!.create();
  await using workshop = await Workshop.create(GROUPED);
  const before = backend.allocatedBytes();
  const forgetful: Plugin = {
    ...folding(GRAM),
    blockDone: (_, ctx) => void ctx.ops.zeros("F32", [1000]),
  };
  await quantize({
    model: workshop.model,
    backend,
    plugins: [forgetful],
    calibration: tinyCalibration(),
    format: "awq-gemm",
    out: workshop.out,
  });
  assert.equal(backend.allocatedBytes(), before);
});
