import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import type { LinearView, Plugin } from "../../../core/plugin.ts";
import { BLOCK, LINEAR, make, plugin, rejection } from "./driver_fixtures.ts";

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
    [[{ ...plugin("a"), sequential: "yes" }], /sequential yes: use true, false or nothing/, "a"],
    [[{ ...plugin("a"), propagate: 1 }], /propagate 1: use true/, "a"],
    [
      [{ ...plugin("a"), transformblock() {} }],
      /unknown hook transformblock: did you mean transformBlock\?$/,
      "a",
    ],
    [[{ ...plugin("a"), onStart() {} }], /unknown hook onStart: use setup, observe, /, "a"],
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

Deno.test("PluginDriver ends a hook at its time limit, naming plugin and hook", async () => {
  const driver = make([plugin("slow", { transformBlock: () => new Promise(() => {}) })], {
    hookTimeout: 0.02,
  });
  const error = await rejection(driver.transformBlock(BLOCK));
  assert.equal(
    error.message,
    "Plugin slow failed in transformBlock on model.layers.0: " +
      "it took longer than the 0.02 s of --hook-timeout",
  );
  assert.deepEqual([error.code, error.plugin, error.hook], ["plugin", "slow", "transformBlock"]);
  const quick = make([plugin("quick", { finish: () => {} })], { hookTimeout: 0.02 });
  await quick.finish({ linears: [], calibrationTokens: 0, seconds: 0 });
});

Deno.test("PluginDriver mentions a hook that does nothing, and leaves one that works alone", async () => {
  async function messages(activity: () => number): Promise<string[]> {
    const events: PipelineEvent[] = [];
    const driver = make([plugin("busy", {
      transformBlock: () => new Promise((resolve) => setTimeout(resolve, 70)),
    })], { events, activity, newsEvery: 20 });
    await driver.transformBlock(BLOCK);
    return events.map((event) => event.type === "log" ? `${event.level} ${event.message}` : "");
  }
  const [first] = await messages(() => 7);
  assert.match(
    first ?? "",
    /^warn Plugin busy has been in transformBlock on model.layers.0 for 0 s and no operation is running/,
  );
  let count = 0;
  assert.deepEqual(await messages(() => count++), []);
});
