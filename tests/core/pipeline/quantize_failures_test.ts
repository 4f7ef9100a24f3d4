import assert from "node:assert/strict";
import type { Backend } from "../../../core/backend.ts";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { SalientError } from "../../../core/errors.ts";
import { quantize, type QuantizeOptions } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { Plugin } from "../../../core/plugin.ts";
import type { TinyModelOptions } from "../../tiny_model.ts";
import { testBackends } from "../../test_backends.ts";
import {
  BIASED,
  folding,
  GROUPED,
  logitsOf,
  nearest,
  tinyCalibration,
  Workshop,
} from "./pipeline_fixtures.ts";

const CALIBRATION = tinyCalibration();
const GRAM = { absMean: true, gram: true };
const UP = "model.layers.1.mlp.up_proj";

/** The fastest backend there is here. */
async function makeBackend(): Promise<Backend> {
  const made = await testBackends().at(-1)?.create();
  assert.ok(made !== undefined);
  return made;
}

/** Runs, and returns the error; nothing may be left behind, on the disk or in memory. */
async function refusal(
  options: Partial<QuantizeOptions>,
  config: JsonObject = GROUPED,
  tiny: TinyModelOptions = {},
): Promise<SalientError> {
  using backend = await makeBackend();
  await using workshop = await Workshop.create(config, tiny);
  const before = backend.allocatedBytes();
  try {
    await quantize({
      model: workshop.model,
      backend,
      plugins: [folding(GRAM)],
      calibration: CALIBRATION,
      format: "awq-gemm",
      out: workshop.out,
      ...options,
    });
  } catch (error) {
    assert.ok(error instanceof SalientError, `not one of ours: ${error}`);
    assert.ok(!error.message.includes("\n"), "more than one line");
    assert.deepEqual(workshop.names(), ["model"]);
    assert.equal(backend.allocatedBytes(), before, "tensors were left behind");
    return error;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("a finished run leaves no tensors behind", async () => {
  using backend = await makeBackend();
  await using workshop = await Workshop.create(BIASED);
  const before = backend.allocatedBytes();
  const options = {
    model: workshop.model,
    backend,
    plugins: [folding({ ...GRAM, tokens: 7, sequences: 2 })],
    calibration: CALIBRATION,
  };
  await quantize({ ...options, format: "awq-gemm", out: workshop.out });
  assert.equal(backend.allocatedBytes(), before);
  const { model } = await quantizeInMemory(options);
  assert.ok(backend.allocatedBytes() > before);
  await logitsOf(model, CALIBRATION.ids.subarray(0, 5));
  model[Symbol.dispose]();
  assert.equal(backend.allocatedBytes(), before);
});

Deno.test("NaN and infinite parameters are refused by name", async () => {
  for (
    const [name, value] of [
      [`${UP}.weight`, NaN],
      ["model.layers.0.self_attn.v_proj.weight", -Infinity],
      ["model.layers.1.input_layernorm.weight", Infinity],
      ["model.layers.0.self_attn.q_proj.bias", NaN],
    ] as const
  ) {
    const edit = (other: string, values: Float32Array): void => {
      if (other === name) values[3] = value;
    };
    const error = await refusal({}, BIASED, { edit });
    assert.deepEqual([error.code, error.tensor], ["input", name]);
    assert.match(error.message, /^Tensor \S+ has 1 NaN or infinite value:/);
    const plain = await refusal({ plugins: [nearest()] }, BIASED, { edit });
    assert.equal(plain.tensor, name);
  }
});

Deno.test("an embedding with NaN is refused where it shows", async () => {
  const error = await refusal({}, GROUPED, {
    edit: (name, values) => {
      if (name === "model.embed_tokens.weight") values.fill(NaN);
    },
  });
  assert.equal(error.code, "input");
  assert.match(error.message, /model.layers.0 gives NaN or infinite hidden states/);
});

Deno.test("dead channels and dead rows are no trouble", async () => {
  using backend = await makeBackend();
  await using workshop = await Workshop.create(GROUPED, {
    edit(name, values) {
      if (name.endsWith("input_layernorm.weight")) values.fill(0, 4, 8);
      if (name.endsWith("up_proj.weight")) values.fill(0, 0, 5 * 32);
      if (name.endsWith("down_proj.weight")) values.fill(0);
    },
  });
  const report = await quantize({
    model: workshop.model,
    backend,
    plugins: [folding(GRAM)],
    calibration: CALIBRATION,
    format: "awq-gemm",
    out: workshop.out,
  });
  for (const { error, rtnError, name } of report.layers) {
    assert.ok(error >= 0 && error < 0.1 && rtnError >= 0 && rtnError < 0.1, name);
  }
  assert.equal(report.layers.find(({ name }) => name.endsWith("down_proj"))?.error, 0);
});

Deno.test("options that do not fit are refused before any work", async () => {
  let began = false;
  const onEvent = ({ type }: { type: string }): void => {
    began ||= type === "block" || type === "stage";
  };
  const group = await refusal({ plugins: [nearest({ groupSize: 24 })], onEvent });
  assert.equal(group.code, "input");
  assert.match(group.message, /^Group size 24 does not divide the 32 inputs of model.layers.0/);
  assert.deepEqual([group.plugin, group.hook], ["nearest", "setup"]);

  const bits = await refusal({ plugins: [nearest({ bits: 5 })], onEvent });
  assert.equal(bits.code, "input");
  assert.match(bits.message, /awq-gemm holds at most 4 bits/);

  const format = await refusal({ format: "awq-gem", onEvent });
  assert.equal(format.code, "usage");
  assert.match(format.message, /did you mean awq-gemm/);

  const calibration = await refusal({ calibration: undefined, onEvent });
  assert.equal(calibration.code, "usage");
  assert.match(calibration.message, /folding observes the model's inputs: give a calibration/);

  const long = await refusal({ calibration: tinyCalibration(1, 65), onEvent });
  assert.match(long.message, /65 tokens are longer than the model's 64 positions: lower --seq-len/);

  const short = await refusal({ calibration: { ...CALIBRATION, samples: 6 }, onEvent });
  assert.match(short.message, /60 tokens where 6 windows of 12/);

  const skip = await refusal({ skip: ["down", "w1"], onEvent });
  assert.match(skip.message, /^No linear has "w1" in its name: use for example model.layers.0/);
  const all = await refusal({ skip: ["proj"], onEvent });
  assert.match(all.message, /Every linear is skipped/);

  const memory = await refusal({ memory: 1 << 20, onEvent });
  assert.equal(memory.code, "input");
  assert.match(memory.message, /needs \d+ MiB but --memory allows 1 MiB/);

  const none = await refusal({ plugins: [], onEvent });
  assert.equal(none.code, "usage");
  assert.ok(!began, "work had begun");
});

Deno.test("a directory that is taken is left as it is", async () => {
  using backend = await makeBackend();
  await using workshop = await Workshop.create(GROUPED);
  await Deno.mkdir(workshop.out);
  await Deno.writeTextFile(`${workshop.out}/notes.txt`, "mine");
  for (const dryRun of [true, false]) {
    await assert.rejects(
      quantize({
        model: workshop.model,
        backend,
        plugins: [nearest()],
        format: "awq-gemm",
        out: workshop.out,
        dryRun,
      }),
      { code: "input", message: /exists: choose another --out or remove it/ },
    );
  }
  assert.deepEqual([...Deno.readDirSync(workshop.out)].map(({ name }) => name), ["notes.txt"]);
  assert.deepEqual(workshop.names(), ["model", "out"]);
});

Deno.test("a checkpoint that is quantized already is refused", async () => {
  using backend = await makeBackend();
  await using workshop = await Workshop.create(GROUPED);
  const options = { backend, plugins: [nearest()], format: "awq-gemm" };
  await quantize({ ...options, model: workshop.model, out: workshop.out });
  const again = { ...options, model: workshop.out, out: `${workshop.folder}/again` };
  await assert.rejects(quantize(again), {
    code: "input",
    message: /is quantized already \(awq-gemm\): use the original/,
  });
  assert.deepEqual(workshop.names(), ["model", "out"]);
});

Deno.test("grids that one checkpoint cannot hold together are refused", async () => {
  const plugin: Plugin = {
    ...nearest(),
    quantizeLinear: async (linear, ctx) => {
      const bits = linear.name === UP ? 3 : 4;
      const grid = ctx.grid.resolve({ bits, groupSize: 16 }, linear);
      return { weight: await ctx.ops.quantize(linear.weight, grid) };
    },
  };
  const error = await refusal({ plugins: [plugin] });
  assert.match(error.message, /but model.layers.1.mlp.up_proj has 3 bits in groups of 16 and/);
  assert.deepEqual([error.plugin, error.hook, error.tensor], ["nearest", "quantizeLinear", UP]);
});

Deno.test("a plugin that fails midway leaves nothing behind", async () => {
  const throwing = (
    hook: "transformBlock" | "quantizeLinear" | "blockDone" | "finish",
  ): Plugin => ({
    ...folding(GRAM),
    [hook]: () => Promise.reject(new RangeError("out of luck")),
  });
  for (const hook of ["transformBlock", "quantizeLinear", "blockDone", "finish"] as const) {
    const error = await refusal({ plugins: [throwing(hook)] });
    assert.deepEqual([error.code, error.plugin, error.hook], ["plugin", "folding", hook]);
    assert.match(error.message, /out of luck$/);
  }
});

Deno.test("a plugin that quantizes nothing at all is told so", async () => {
  const error = await refusal({ plugins: [{ name: "idle", apiVersion: 1 }] });
  assert.match(error.message, /^No plugin rounds any linear \(idle\): add one that does/);
  const leaves: Plugin = { name: "leaves", apiVersion: 1, quantizeLinear: () => undefined };
  const none = await refusal({ plugins: [leaves] });
  assert.match(none.message, /^No plugin quantized any linear/);
});

Deno.test("a transform that changes what a block computes is found out", async () => {
  const honest = folding(GRAM);
  const spoiler = (observed: boolean): Plugin => ({
    ...folding(observed ? GRAM : undefined),
    name: "spoiler",
    async transformBlock(block, ctx) {
      await honest.transformBlock?.(block, ctx);
      if (block.index === 0) return;
      const { weight } = block.linear(UP);
      using wrong = await ctx.ops.scaleRows(weight, new Float32Array(64).fill(1).fill(1.1, 0, 8));
      await ctx.ops.copyRows(wrong, weight, 0);
    },
  });
  for (const observed of [true, false]) {
    const error = await refusal({ plugins: [honest, spoiler(observed)] });
    assert.deepEqual([error.code, error.plugin, error.hook], [
      "plugin",
      "spoiler",
      "transformBlock",
    ]);
    assert.match(error.message, /model.layers.1 no longer computes the same after folding/);
  }
});

Deno.test("an abort ends a run within a second and leaves nothing behind", async () => {
  const moments: [string, (event: { type: string; state?: string; stage?: string }) => boolean][] =
    [
      ["before the blocks", ({ type }) => type === "plan"],
      ["while windows pass", ({ type }) => type === "forward"],
      ["after a linear", ({ type }) => type === "linear"],
      ["after a block", ({ type, state }) => type === "block" && state === "finish"],
      ["while verifying", ({ stage, state }) => stage === "verify" && state === "start"],
    ];
  for (const [name, isMoment] of moments) {
    const controller = new AbortController();
    let since = 0;
    const error = await refusal({
      signal: controller.signal,
      onEvent(event) {
        if (!isMoment(event) || controller.signal.aborted) return;
        since = performance.now();
        controller.abort();
      },
    });
    assert.equal(error.code, "interrupted", name);
    assert.equal(error.exitStatus, 130);
    assert.ok(since > 0 && performance.now() - since < 1000, name);
  }
});

Deno.test("an abort ends a run whose plugin never answers", async () => {
  for (const hook of ["setup", "transformBlock", "quantizeLinear", "blockDone"] as const) {
    const stuck: Plugin = { ...folding(GRAM), [hook]: () => new Promise<never>(() => {}) };
    const signal = AbortSignal.timeout(150);
    const start = performance.now();
    const error = await refusal({ plugins: [stuck], signal });
    assert.equal(error.code, "interrupted");
    assert.ok(performance.now() - start < 1000);
  }
});

Deno.test("an abort ends a plugin at its next operation", async () => {
  const controller = new AbortController();
  const busy: Plugin = {
    ...folding(GRAM),
    async transformBlock(block, ctx) {
      setTimeout(() => controller.abort(), 30);
      while (true) {
        for (const { weight } of block.linears) await ctx.ops.summarize(weight);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
  };
  const error = await refusal({ plugins: [busy], signal: controller.signal });
  assert.equal(error.code, "interrupted");
  assert.equal((await refusal({ signal: AbortSignal.abort() })).code, "interrupted");
});
