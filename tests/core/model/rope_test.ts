import assert from "node:assert/strict";
import type { RopeConfig } from "../../../core/model/config.ts";
import { RopeCache } from "../../../core/model/rope_cache.ts";
import { ropeFrequencies, ropeRange, ropeTable } from "../../../core/model/rope.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";

function rope(
  scaling: RopeConfig["scaling"],
  parameters: Record<string, number> = {},
  rotated = 8,
): RopeConfig {
  return { theta: 10000, scaling, parameters, rotated };
}

Deno.test("ropeFrequencies() falls from 1 by a power of the base", () => {
  const { frequencies, magnitude } = ropeFrequencies(rope("default"), 10, 64);
  assert.equal(magnitude, 1);
  assert.deepEqual([...frequencies].map((f) => Number(f.toPrecision(6))), [1, 0.1, 0.01, 0.001]);
});

Deno.test("ropeFrequencies() of the rule dynamic changes only beyond the trained length", () => {
  const config = rope("dynamic", { factor: 2 });
  const base = ropeFrequencies(rope("default"), 64, 64).frequencies;
  assert.deepEqual(ropeFrequencies(config, 64, 64).frequencies, base);
  const longer = ropeFrequencies(config, 128, 64).frequencies;
  assert.equal(longer[0], 1);
  // The last frequency is divided by the reach itself: 2 * 128 / 64 - 1 = 3.
  assert.ok(Math.abs(longer[3]! * 3 / base[3]! - 1) < 1e-6);
  assert.deepEqual(
    [64, 65].map((length) => ropeRange(config, length, 64)),
    ["short", undefined],
  );
});

Deno.test("ropeFrequencies() of llama3 keeps short waves and stretches long ones", () => {
  const config = rope("llama3", {
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 512,
  });
  const base = ropeFrequencies(rope("default"), 1, 64).frequencies;
  const { frequencies } = ropeFrequencies(config, 1, 64);
  // Waves are 6, 63, 628 and 6283 positions long.
  assert.deepEqual(frequencies.slice(0, 2), base.slice(0, 2));
  assert.deepEqual(frequencies.slice(2), base.slice(2).map((f) => f / 8));
});

Deno.test("ropeTable() holds cos, then sin, of the positions asked for", () => {
  const table = ropeTable({ frequencies: Float32Array.of(1, 0.5), magnitude: 2 }, 3, 2);
  const expected = [3, 4].flatMap((p) => {
    return [Math.cos(p), Math.cos(p / 2), Math.sin(p), Math.sin(p / 2)].map((x) => 2 * x);
  });
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(table[i]! - value) < 1e-6);
});

Deno.test("RopeCache grows, agrees with itself, and frees what it made", () => {
  using backend = createReferenceBackend();
  {
    using cache = new RopeCache(backend, rope("dynamic", { factor: 4 }), 256);
    using short = cache.lease(0, 10);
    const first = backend.download(short.table).slice(0, 80);
    using long = cache.lease(100, 100);
    assert.equal(long.start, 100);
    assert.deepEqual(backend.download(long.table).slice(0, 80), first);
    const held = backend.allocatedBytes();
    {
      using beyond = cache.lease(250, 20);
      assert.deepEqual([beyond.start, beyond.table.shape], [0, [20, 8]]);
      assert.ok(backend.allocatedBytes() > held);
    }
    assert.equal(backend.allocatedBytes(), held);
  }
  assert.equal(backend.allocatedBytes(), 0);
});

Deno.test("ropeFrequencies() of longrope divides each pair by its factor for the range of the length", () => {
  const config: RopeConfig = {
    ...rope("longrope", { factor: 4, original_max_position_embeddings: 64 }),
    factors: { short: [1, 2, 3, 4], long: [2, 4, 8, 16] },
  };
  const base = ropeFrequencies(rope("default"), 1, 256).frequencies;
  for (const [length, range] of [[64, "short"], [65, "long"]] as const) {
    assert.equal(ropeRange(config, length, 256), range);
    const { frequencies, magnitude } = ropeFrequencies(config, length, 256);
    for (const [i, factor] of config.factors![range].entries()) {
      assert.ok(Math.abs(frequencies[i]! * factor / base[i]! - 1) < 1e-6);
    }
    // sqrt(1 + ln 4 / ln 64)
    assert.ok(Math.abs(magnitude - Math.sqrt(4 / 3)) < 1e-12);
  }
  const given = { ...config, parameters: { ...config.parameters, attention_factor: 1.5 } };
  assert.equal(ropeFrequencies(given, 1, 256).magnitude, 1.5);
});

Deno.test("RopeCache keeps a table for each range of lengths", () => {
  using backend = createReferenceBackend();
  const config: RopeConfig = {
    ...rope("longrope", { factor: 4, original_max_position_embeddings: 16 }),
    factors: { short: [1, 1, 1, 1], long: [2, 2, 2, 2] },
  };
  using cache = new RopeCache(backend, config, 64);
  const values = (start: number, rows: number, length?: number) => {
    using lease = cache.lease(start, rows, length);
    return backend.download(lease.table).slice(lease.start * 8, (lease.start + 1) * 8);
  };
  const short = values(3, 4);
  assert.notDeepEqual(values(3, 4, 17), short);
  assert.deepEqual(values(3, 4, 17), values(3, 20));
  assert.deepEqual(values(3, 4, 16), short);
  const held = backend.allocatedBytes();
  values(10, 2, 30);
  assert.equal(backend.allocatedBytes(), held, "both tables are kept");
});
