import assert from "node:assert/strict";
import { loadCalibration } from "../../../core/calibration/load_calibration.ts";
import type { Backend } from "../../../core/backend.ts";
import { openModel } from "../../../core/model/open_model.ts";
import type { PipelineEvent } from "../../../core/pipeline/events.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { RunOptions } from "../../../core/pipeline/run_options.ts";
import { definePlugin, type Plugin } from "../../../core/plugin.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { awq } from "../../../plugins/awq/mod.ts";
import { gptq } from "../../../plugins/gptq/mod.ts";
import { smoothquant } from "../../../plugins/smoothquant/mod.ts";
import { upcycle } from "../../../tools/upcycle_experts.ts";
import { testBackends } from "../../test_backends.ts";

const SOURCE = "models/salient-tiny";
const { create } = testBackends().at(-1)!;

/** A mixture made of salient-tiny, of whose four experts the last one sees next to nothing, and a run on it. */
class Mixture implements AsyncDisposable {
  readonly backend: Backend;
  readonly #folder: string;

  private constructor(backend: Backend, folder: string) {
    this.backend = backend;
    this.#folder = folder;
  }

  static async create(options: { cold: number }): Promise<Mixture> {
    const mixture = new Mixture(await create(), await Deno.makeTempDir());
    await upcycle(mixture.backend, { out: mixture.path, experts: 4, ...options });
    return mixture;
  }

  get path(): string {
    return `${this.#folder}/mixture`;
  }

  /** Quantizes in memory with 8 windows of 64 tokens. */
  async run(plugins: readonly Plugin[], more: Partial<RunOptions> = {}) {
    const { backend } = this;
    using model = await openModel(this.path, backend);
    const tokenizer = await loadTokenizer(SOURCE);
    const calibration = await loadCalibration({
      source: "default",
      tokenizer,
      samples: 8,
      seqLen: 64,
    });
    const events: PipelineEvent[] = [];
    const onEvent = (event: PipelineEvent): void => void events.push(event);
    const options = { model, backend, plugins, calibration, onEvent, ...more };
    const { model: quantized, report } = await quantizeInMemory(options);
    quantized[Symbol.dispose]();
    return {
      report,
      events,
      warnings: events.filter((e) => e.type === "log" && e.level === "warn"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.backend[Symbol.dispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

const METHODS: readonly (readonly [string, () => Plugin])[] = [
  ["awq", () => awq({ bits: 3, groupSize: 32 })],
  ["gptq", () => gptq({ bits: 3, groupSize: 32 })],
  ["smoothquant", () => smoothquant({ alpha: "search" })],
];

for (const [name, make] of METHODS) {
  Deno.test(`${name}: an expert without tokens is rounded to nearest, and counted`, async () => {
    await using mixture = await Mixture.create({ cold: 1 });
    const { report, warnings } = await mixture.run([make()]);
    const { total, cold, leastTokens } = report.experts ?? { total: 0, cold: 0, leastTokens: 0 };
    assert.equal(total, 20);
    assert.ok(cold >= 2 && cold < total / 2, `${cold} of ${total} are cold`);
    const fallen = report.layers.filter(({ notes }) => notes.fallback !== undefined);
    assert.equal(fallen.length, 3 * cold);
    for (const { name: linear, method, notes } of fallen) {
      assert.match(linear, /experts\.3\./);
      assert.equal(method, "rtn");
      assert.ok(Number(notes.tokens) < leastTokens);
    }
    for (const { name: linear, method, error, rtnError } of report.layers) {
      assert.equal(method === "none", linear.endsWith(".gate"), "routers alone stay plain");
      if (method === name && name === "gptq") assert.ok(error <= rtnError * 1.05, linear);
    }
    assert.equal(warnings.length, 1);
    assert.match(
      (warnings[0] as { message: string }).message,
      new RegExp(`^${cold} of 20 experts saw fewer than ${leastTokens} .*--samples.*--all-experts`),
    );
  });
}

Deno.test("a plugin of a stranger is spared experts without tokens, whatever it would do with them", async () => {
  await using mixture = await Mixture.create({ cold: 1 });
  const asked: string[] = [];
  const stranger = definePlugin({
    name: "stranger",
    apiVersion: 1,
    setup(ctx) {
      for (const linear of ctx.model.linears) ctx.grid.resolve({ bits: 4, groupSize: 32 }, linear);
    },
    observe: () => ({ absMean: true, tokens: 100, sequences: 2 }),
    async quantizeLinear(linear, ctx) {
      const { tokens, sample, sequences } = linear.statistics;
      assert.ok(linear.moment?.kind === "tokens" && sample !== undefined && tokens >= 16);
      const rows = sample.shape[0] ?? 0;
      if (linear.expert === undefined) {
        assert.equal(tokens, 512);
        assert.equal(sequences?.count, 2);
        assert.equal(rows, 100);
      } else {
        asked.push(linear.name);
        assert.equal(sequences, undefined);
        assert.ok(rows <= 100 && rows > Math.min(tokens, 100) / 2);
        assert.equal(linear.moment.weight, tokens / rows);
      }
      const grid = ctx.grid.resolve({ bits: 4, groupSize: 32 }, linear);
      return { weight: await ctx.ops.quantize(linear.weight, grid) };
    },
  });
  const { report } = await mixture.run([stranger]);
  assert.equal(asked.length, 3 * ((report.experts?.total ?? 0) - (report.experts?.cold ?? 0)));
  assert.ok(report.layers.some(({ method }) => method === "rtn"));
});

Deno.test("a plugin that rounds without looking rounds cold experts too", async () => {
  await using mixture = await Mixture.create({ cold: 1 });
  const scales = awq({ bits: 4, groupSize: 32, quantize: false });
  const blind = definePlugin({
    name: "blind",
    apiVersion: 1,
    quantizeLinear: async (linear, ctx) => ({
      weight: await ctx.ops.quantize(
        linear.weight,
        ctx.grid.resolve({ bits: 4, groupSize: 32 }, linear),
      ),
    }),
  });
  const { report } = await mixture.run([scales, blind]);
  assert.deepEqual(new Set(report.layers.map(({ method }) => method)), new Set(["blind", "none"]));
});

Deno.test("shown to all experts, every token reaches every expert, and the next block gets the same", async () => {
  await using mixture = await Mixture.create({ cold: 1 });
  const inputs: Float32Array[][] = [];
  for (const allExperts of [false, true]) {
    const seen: Float32Array[] = [];
    const watcher = definePlugin({
      name: "watcher",
      apiVersion: 1,
      observe: () => ({ absMean: true }),
      transformBlock(block) {
        for (const { role, expert, statistics } of block.linears) {
          if (role === "q") seen.push(statistics.absMean!.slice());
          if (allExperts && expert !== undefined) assert.equal(statistics.tokens, 512);
        }
      },
    });
    const { report } = await mixture.run([watcher], { allExperts });
    assert.equal((report.experts?.cold ?? 0) > 0, !allExperts);
    inputs.push(seen);
  }
  const [routed = [], all = []] = inputs;
  routed.forEach((mean, block) => {
    mean.forEach((value, k) => {
      const other = all[block]?.[k] ?? NaN;
      assert.ok(Math.abs(other - value) <= 1e-5 * value, `block ${block}: ${value}, ${other}`);
    });
  });
});

Deno.test("sequential observation passes a block four times, however many experts it has", async () => {
  await using mixture = await Mixture.create({ cold: 0 });
  const { events } = await mixture.run([
    gptq({ groupSize: 32, sequential: true, propagate: false }),
  ]);
  const passes = events.filter((e) => e.type === "forward" && e.index === 2 && e.done === e.total);
  // Of attention, its output, what reads the second norm and the hidden values; one more makes the next block's inputs.
  assert.equal(passes.length, 5);
});
