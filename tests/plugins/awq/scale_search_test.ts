import assert from "node:assert/strict";
import { resolveGrid } from "../../../core/grid_helpers.ts";
import type { BlockView, LinearView, PluginContext, ScaleSet } from "../../../core/plugin.ts";
import { seededRandom } from "../../../core/random.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import type { Backend } from "../../../core/backend.ts";
import type { AwqOptions } from "../../../plugins/awq/mod.ts";
import { resolveAwqOptions } from "../../../plugins/awq/options.ts";
import { type ScaleChoice, searchScales } from "../../../plugins/awq/scale_search.ts";

const K = 16;
const TOKENS = 64;

interface Case {
  readonly weight: Float32Array;
  readonly input: Float32Array;
  readonly options: AwqOptions;
  readonly role?: string;
  readonly channelOf?: Uint32Array;
}

/** Searches the scales of a set of one linear [N, 16]. */
async function search(backend: Backend, { weight, input, ...rest }: Case): Promise<ScaleChoice> {
  const { options, role = "down", channelOf = Uint32Array.from({ length: K }, (_, k) => k) } = rest;
  using w = backend.upload(weight, "F32", [weight.length / K, K]);
  using x = backend.upload(input, "F32", [TOKENS, K]);
  using gram = backend.zeros("F32", [K, K]);
  await backend.accumulateGram(x, gram);
  const absMean = Float32Array.from({ length: K }, (_, k) => {
    let sum = 0;
    for (let t = 0; t < TOKENS; t++) sum += Math.abs(input[t * K + k]!);
    return sum / TOKENS;
  });
  const view: LinearView = {
    name: "linear",
    block: 0,
    role,
    shape: [weight.length / K, K],
    dtype: "F32",
    site: "site",
    weight: w,
    bias: undefined,
    statistics: { tokens: TOKENS, absMean, gram },
    moment: { kind: "gram", gram },
  };
  const set: ScaleSet = {
    name: "norm -> linear",
    source: { kind: "norm", name: "norm" },
    linears: ["linear"],
    channels: K,
    channelOf,
    freeChannels: new Set(channelOf).size,
    module: undefined,
  };
  const block = { linear: () => view } as unknown as BlockView;
  const ctx = {
    ops: backend,
    grid: { resolve: resolveGrid },
    signal: new AbortController().signal,
  } as unknown as PluginContext;
  return await searchScales(block, set, resolveAwqOptions(options), ctx);
}

function normal(count: number): Float32Array {
  const random = seededRandom("scale search");
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

/** Inputs of which channel 3 is twenty times as large as the others. */
function salientInput(): Float32Array {
  return normal(TOKENS * K).map((value, i) => i % K === 3 ? 20 * value : value);
}

Deno.test("searchScales() makes the large channel's weights larger", async () => {
  using backend = createReferenceBackend();
  for (const clip of [false, true]) {
    const choice = await search(backend, {
      weight: normal(8 * K),
      input: salientInput(),
      options: { bits: 3, groupSize: 16, clip },
    });
    assert.equal(choice.identity, false);
    assert.ok(choice.exponent > 0 && choice.loss < choice.identityLoss);
    const others = choice.scales.filter((_, k) => k !== 3);
    assert.ok(choice.scales[3]! > Math.max(...others));
  }
});

Deno.test("searchScales() keeps the identity where nothing is better", async () => {
  using backend = createReferenceBackend();
  // Every weight is on the grid as it is.
  const choice = await search(backend, {
    weight: Float32Array.from({ length: 4 * K }, (_, i) => i % 8 - 4),
    input: salientInput(),
    options: { bits: 3, groupSize: 16 },
  });
  assert.equal(choice.identity, true);
  assert.equal(choice.exponent, 0);
  assert.deepEqual([...choice.scales], new Array(K).fill(1));
});

Deno.test("searchScales() gives tied channels one scale", async () => {
  using backend = createReferenceBackend();
  const channelOf = Uint32Array.from({ length: K }, (_, k) => k % 8);
  for (const kind of ["grid", "channel", "gradient"] as const) {
    const { scales, identity } = await search(backend, {
      weight: normal(8 * K),
      input: salientInput(),
      options: { bits: 3, groupSize: 8, search: kind, duoScaling: "both" },
      channelOf,
    });
    assert.equal(identity, false);
    for (let k = 0; k < 8; k++) assert.equal(scales[k], scales[k + 8]);
  }
});

Deno.test("searchScales() goes on channel by channel where that lowers the error", async () => {
  using backend = createReferenceBackend();
  const common = { weight: normal(8 * K), input: salientInput(), role: "q" };
  const options: AwqOptions = { bits: 3, groupSize: 16 };
  const grid = await search(backend, { ...common, options });
  const channel = await search(backend, { ...common, options: { ...options, search: "channel" } });
  assert.ok(channel.loss < grid.loss, `${channel.loss} against ${grid.loss}`);
  assert.equal(channel.exponent, grid.exponent);
});

Deno.test("searchScales() goes on by gradient steps, within a factor of 4, where that lowers the error", async () => {
  using backend = createReferenceBackend();
  const common = { weight: normal(8 * K), input: salientInput(), role: "q" };
  const options: AwqOptions = { bits: 3, groupSize: 16 };
  const grid = await search(backend, { ...common, options });
  const found = await search(backend, { ...common, options: { ...options, search: "gradient" } });
  assert.equal(grid.refinement, undefined);
  assert.ok(found.loss < grid.loss, `${found.loss} against ${grid.loss}`);
  assert.equal(found.refinement?.gain, 1 - found.loss / grid.loss);
  assert.ok(found.refinement.seconds > 0);
  found.scales.forEach((scale, k) => {
    const factor = scale / grid.scales[k]!;
    assert.ok(factor > 0.2499 && factor < 4.001, `channel ${k} was scaled by ${factor}`);
  });
  // The loss that is told is the true one of the scales that are given.
  using candidate = backend.upload(found.scales, "F32", [1, K]);
  using w = backend.upload(common.weight, "F32", [8, K]);
  using x = backend.upload(common.input, "F32", [TOKENS, K]);
  const moment = { kind: "tokens", sample: x, weight: 1 } as const;
  const resolved = resolveGrid({ bits: 3, groupSize: 16 }, { name: "linear", shape: [8, K] });
  const [loss = NaN] = await backend.scaleLosses(w, moment, resolved, candidate);
  assert.ok(Math.abs(loss / found.loss - 1) < 1e-4);
});

Deno.test("searchScales() keeps what it had where gradient steps find nothing", async () => {
  using backend = createReferenceBackend();
  const choice = await search(backend, {
    weight: Float32Array.from({ length: 4 * K }, (_, i) => i % 8 - 4), // on the grid as it is
    input: salientInput(),
    options: { bits: 3, groupSize: 16, search: "gradient" },
  });
  assert.deepEqual([choice.identity, choice.refinement?.gain], [true, 0]);
});

Deno.test("searchScales() names the set whose error is not finite", async () => {
  using backend = createReferenceBackend();
  const weight = normal(8 * K);
  weight[5] = NaN;
  await assert.rejects(
    search(backend, { weight, input: salientInput(), options: { groupSize: 16 } }),
    /error of norm -> linear is not finite/,
  );
});
