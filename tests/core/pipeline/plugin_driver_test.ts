import assert from "node:assert/strict";
import type { AffineGrid, Ops } from "../../../core/backend.ts";
import { SalientError } from "../../../core/errors.ts";
import { resolveGrid } from "../../../core/grid_helpers.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { guardOps } from "../../../core/pipeline/guard_ops.ts";
import { PluginDriver } from "../../../core/pipeline/plugin_driver.ts";
import type { BlockView, LinearView, Plugin } from "../../../core/plugin.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";

const LINEAR = {
  name: "model.layers.0.mlp.up_proj",
  block: 0,
  role: "up",
  shape: [8, 16],
  dtype: "F32",
  site: "mlp",
} as const;
const BLOCK = { index: 0, name: "model.layers.0" } as BlockView;
const GRID: AffineGrid = resolveGrid({ bits: 3, groupSize: 8 }, LINEAR);

function make(
  plugins: readonly unknown[],
  options: { signal?: AbortSignal; ops?: Ops; events?: PipelineEvent[]; seed?: number } = {},
): PluginDriver {
  return new PluginDriver(plugins, {
    model: { family: "llama", blocks: 1, hiddenSize: 16, linears: [LINEAR] },
    ops: options.ops ?? {} as Ops,
    settle: () => Promise.resolve(),
    grid: { resolve: resolveGrid },
    signal: options.signal ?? new AbortController().signal,
    seed: options.seed ?? 0,
    emit: (event) => options.events?.push(event),
  });
}

function plugin(name: string, hooks: Partial<Plugin> = {}): Plugin {
  return { name, apiVersion: 1, ...hooks };
}

async function rejection(work: Promise<unknown>): Promise<SalientError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof SalientError, `not one of ours: ${error}`);
    assert.ok(!error.message.includes("\n"));
    return error;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("PluginDriver runs pre before plain before post, otherwise in the order given", async () => {
  const seen: string[] = [];
  const named = (name: string, enforce?: "pre" | "post"): Plugin =>
    plugin(name, {
      ...(enforce === undefined ? {} : { enforce }),
      setup: () => void seen.push(name),
      transformBlock: () => void seen.push(`${name}!`),
    });
  const driver = make([
    named("late", "post"),
    named("a"),
    named("early", "pre"),
    named("b"),
    named("early 2", "pre"),
  ]);
  await driver.setup();
  await driver.transformBlock(BLOCK);
  const order = ["early", "early 2", "a", "b", "late"];
  assert.deepEqual(seen, [...order, ...order.map((name) => `${name}!`)]);
});

Deno.test("PluginDriver runs sequential hooks one at a time and parallel hooks together", async () => {
  let [running, most] = [0, 0];
  const slow = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
  };
  const driver = make(
    ["a", "b", "c"].map((name) => plugin(name, { setup: slow, blockDone: slow })),
  );
  await driver.setup();
  assert.equal(most, 1);
  await driver.blockDone({ index: 0, linears: [], seconds: 0 }, BLOCK.name);
  assert.equal(most, 3);
});

Deno.test("PluginDriver refuses what is no plugin and says why", () => {
  const cases: [unknown[], RegExp, string?, string?][] = [
    [[], /No plugin was given/],
    [[null], /Plugin 1 must be an object made by definePlugin but is null/],
    [[plugin("a"), "rtn"], /Plugin 2 must be an object made by definePlugin but is a string/],
    [[() => plugin("a")], /Plugin 1 is a function: call it/],
    [[[]], /is an array/],
    [[{ apiVersion: 1 }], /has no name/],
    [[plugin(" ")], /has no name/],
    [[plugin("a"), plugin("a")], /a was given twice/, "a"],
    [[{ name: "a", apiVersion: 2 }], /written for version 2 of the contract, this is 1/, "a"],
    [[{ name: "a" }], /written for version undefined/, "a"],
    [[{ ...plugin("a"), enforce: "first" }], /enforce first/, "a"],
    [[{ ...plugin("a"), transformblock() {} }], /unknown hook transformblock: use/, "a"],
    [[{ ...plugin("a"), finish: 3 }], /Hook finish of plugin a must be a function/, "a", "finish"],
  ];
  for (const [plugins, text, name, hook] of cases) {
    assert.throws(() => make(plugins), (error) => {
      assert.ok(error instanceof SalientError);
      assert.match(error.message, text);
      if (name !== undefined) assert.equal(error.plugin, name);
      if (hook !== undefined) assert.equal(error.hook, hook);
      return true;
    });
  }
});

Deno.test("PluginDriver takes instances of classes, whose hooks are inherited", async () => {
  let set = 0;
  class Mine {
    name = "mine";
    apiVersion = 1;
    setup(): void {
      set += this.apiVersion;
    }
    helper(): void {}
  }
  await make([new Mine()]).setup();
  assert.equal(set, 1);
});

Deno.test("PluginDriver stamps what a hook throws with plugin, hook and tensor, once", async () => {
  const cause = new TypeError("no such\n thing");
  const driver = make([plugin("mine", {
    transformBlock: () => Promise.reject(cause),
    quantizeLinear: () => {
      throw "just words";
    },
  })]);
  const error = await rejection(driver.transformBlock(BLOCK));
  assert.equal(error.code, "plugin");
  assert.equal(
    error.message,
    "Plugin mine failed in transformBlock on model.layers.0: no such thing",
  );
  assert.deepEqual([error.plugin, error.hook, error.tensor], [
    "mine",
    "transformBlock",
    BLOCK.name,
  ]);
  assert.equal(error.cause, cause);
  const second = await rejection(driver.quantizeLinear(LINEAR as unknown as LinearView));
  assert.match(second.message, /failed in quantizeLinear on .*up_proj: just words/);

  const outer = make([plugin("outer", { finish: () => Promise.reject(error) })]);
  const report = { linears: [], calibrationTokens: 0, seconds: 0 };
  assert.equal(await rejection(outer.finish(report)), error);
});

Deno.test("PluginDriver keeps the code of usage and input errors, and no other", async () => {
  for (const code of ["usage", "input", "interrupted", "backend", "disk", "failed"] as const) {
    const thrown = new SalientError(code, "Group size 7 does not divide 16", { tensor: "x" });
    const driver = make([plugin("mine", {
      setup: () => {
        throw thrown;
      },
    })]);
    const error = await rejection(driver.setup());
    const keeps = code === "usage" || code === "input" || code === "interrupted";
    assert.equal(error.code, keeps ? code : "plugin");
    assert.equal(error.message === thrown.message, keeps);
    assert.deepEqual([error.plugin, error.hook, error.tensor], ["mine", "setup", "x"]);
  }
});

Deno.test("PluginDriver waits for all parallel hooks before it throws", async () => {
  let done = false;
  const driver = make([
    plugin("bad", { finish: () => Promise.reject(new Error("bad luck")) }),
    plugin("slow", {
      async finish() {
        await new Promise((resolve) => setTimeout(resolve, 5));
        done = true;
      },
    }),
  ]);
  const error = await rejection(
    driver.finish({ linears: [], calibrationTokens: 0, seconds: 0 }),
  );
  assert.equal(error.plugin, "bad");
  assert.ok(done);
});

Deno.test("PluginDriver ends a hook that never settles when the signal is aborted", async () => {
  const controller = new AbortController();
  const driver = make([plugin("stuck", { setup: () => new Promise(() => {}) })], controller);
  const work = driver.setup();
  setTimeout(() => controller.abort(), 10);
  const error = await rejection(work);
  assert.equal(error.code, "interrupted");
  assert.equal(error.exitStatus, 130);
  assert.equal((await rejection(driver.setup())).code, "interrupted");
});

Deno.test("PluginDriver takes a timeout as the signal", async () => {
  const driver = make(
    [plugin("stuck", { finish: () => new Promise(() => {}) })],
    { signal: AbortSignal.timeout(10) },
  );
  const error = await rejection(driver.finish({ linears: [], calibrationTokens: 0, seconds: 0 }));
  assert.match(error.message, /time is up/);
});

Deno.test("PluginDriver reports an abort as such when the hook throws because of it", async () => {
  const controller = new AbortController();
  const driver = make([plugin("polite", {
    setup(ctx) {
      controller.abort();
      ctx.signal.throwIfAborted();
    },
  })], controller);
  assert.equal((await rejection(driver.setup())).code, "interrupted");
});

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

Deno.test("PluginDriver gives each hook and tensor its own random numbers, the same in every run", async () => {
  async function draw(seed: number): Promise<number[]> {
    const drawn: number[] = [];
    const hooks: Partial<Plugin> = {
      setup: (ctx) => void drawn.push(ctx.random(), ctx.random()),
      transformBlock: (_, ctx) => void drawn.push(ctx.random()),
    };
    const driver = make([plugin("a", hooks), plugin("b", hooks)], { seed });
    await driver.setup();
    await driver.transformBlock(BLOCK);
    await driver.transformBlock({ ...BLOCK, name: "model.layers.1" });
    return drawn;
  }
  const first = await draw(1);
  assert.deepEqual(first, await draw(1));
  assert.equal(new Set([...first, ...await draw(2)]).size, 2 * first.length);
  assert.ok(first.every((value) => value >= 0 && value < 1));
});

Deno.test("PluginDriver passes a plugin's words and notes on with its name", async () => {
  const events: PipelineEvent[] = [];
  const driver = make([plugin("mine", {
    setup(ctx) {
      ctx.log.warn("careful");
      ctx.log.info("by the way");
      ctx.note("x", { scaleExponent: 0.5 });
    },
  })], { events });
  await driver.setup();
  assert.deepEqual(events, [
    { type: "log", level: "warn", plugin: "mine", message: "careful" },
    { type: "log", level: "info", plugin: "mine", message: "by the way" },
    { type: "note", plugin: "mine", tensor: "x", figures: { scaleExponent: 0.5 } },
  ]);
});

Deno.test("guardOps shows operations alone and stops them with the signal", async () => {
  using backend = createReferenceBackend();
  const controller = new AbortController();
  const { ops, settle } = guardOps(backend, controller.signal);
  assert.ok(!("mapFile" in ops) && !("trim" in ops));
  using x = ops.zeros("F32", [2, 2]);
  using y = await ops.cast(x, "F16");
  assert.equal(y.dtype, "F16");
  await settle();
  controller.abort();
  assert.throws(() => ops.download(x), { code: "interrupted" });
});
