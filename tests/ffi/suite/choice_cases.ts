/**
 * The choice of tokens.
 *
 * @module
 */

import type { SamplerOptions } from "../../../core/backend.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import type { Pair } from "./pair.ts";

const OPTIONS: readonly SamplerOptions[] = [
  { temperature: 0 },
  { temperature: 1 },
  { temperature: 0.3 },
  { temperature: 50 },
  { temperature: 1, topK: 1 },
  { temperature: 2, topK: 7 },
  { temperature: 1, topK: 5000 },
  { temperature: 1, topP: 0.5 },
  { temperature: 3, topP: 0.999 },
  { temperature: 1, topP: 1e-9 },
  { temperature: 1.5, topK: 40, topP: 0.9 },
];

/** The tokens of some logits, the same in both backends. */
async function choose(
  pair: Pair,
  rows: readonly Float32Array[],
  options: SamplerOptions,
  random: readonly number[],
): Promise<Int32Array> {
  const V = rows[0]!.length;
  const values = Float32Array.from(rows.flatMap((row) => [...row]));
  const logits = pair.put(values, "F32", [rows.length, V]);
  const { tested, oracle } = await pair.run((backend, use) =>
    backend.chooseTokens(use(logits), options, Float64Array.from(random))
  );
  assert.deepEqual([...tested], [...oracle], `[${rows.length}, ${V}] ${JSON.stringify(options)}`);
  return oracle;
}

/** Registers the cases. */
export function choiceCases(register: RegisterCase): void {
  register("chooseTokens", async (pair) => {
    const seen = new Set<number>();
    for (const [T, V] of [[1, 1], [2, 5], [3, 33], [2, 1024], [1, 3001]] as const) {
      for (const options of OPTIONS) {
        const rows = Array.from({ length: T }, () => pair.normal(V, 5));
        const numbers = Array.from({ length: T }, () => pair.whole(0, 2 ** 32 - 1) / 2 ** 32);
        for (const id of await choose(pair, rows, options, numbers)) seen.add(id);
      }
    }
    assert.ok(seen.size > 30, "choices vary");
  });

  register("chooseTokens of equal, masked and unusable logits", async (pair) => {
    const level = new Float32Array(70).fill(3);
    const steps = Float32Array.from({ length: 70 }, (_, i) => Math.floor(i / 10));
    const masked = level.map((value, i) => i % 3 === 1 ? value : -Infinity);
    const signs = Float32Array.from({ length: 70 }, (_, i) => i % 2 === 0 ? -0 : 0);
    const far = Float32Array.from({ length: 70 }, (_, i) => -i);
    const bad = [NaN, Infinity].map((value) => level.map((x, i) => i === 69 ? value : x));
    const none = new Float32Array(70).fill(-Infinity);
    const rows = [level, steps, masked, signs, far, ...bad, none];
    for (const options of OPTIONS) {
      for (const number of [0, 0.5, 1 - 2 ** -53]) {
        const tokens = await choose(pair, rows, options, rows.map(() => number));
        assert.deepEqual([...tokens.subarray(5)], [-1, -1, -1]);
        assert.equal(tokens[2]! % 3, 1);
      }
    }
    assert.deepEqual([...await choose(pair, [level, far], { temperature: 0 }, [0, 0])], [0, 0]);
  });

  register("chooseTokens refuses what is out of range", async (pair) => {
    const logits = pair.random("F32", [1, 4]);
    const calls: [SamplerOptions, number[]][] = [
      [{ temperature: -1 }, [0]],
      [{ temperature: NaN }, [0]],
      [{ temperature: 1, topP: 0 }, [0]],
      [{ temperature: 1, topK: 0 }, [0]],
      [{ temperature: 1 }, [1]],
      [{ temperature: 1 }, [NaN]],
      [{ temperature: 1 }, []],
    ];
    for (const [options, numbers] of calls) {
      await pair.run(async (backend, use) => {
        const random = Float64Array.from(numbers);
        await assert.rejects(backend.chooseTokens(use(logits), options, random), {
          code: "backend",
        });
      });
    }
  });
}
