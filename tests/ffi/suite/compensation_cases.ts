/**
 * Rounding with error compensation: a fast factorization in fp32 against the published algorithm in fp64.
 *
 * @module
 */

import type { AffineGrid, FactorOptions, QuantizedWeight } from "../../../core/backend.ts";
import type { Tensor } from "../../../core/tensor.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertNear, assertSame } from "./compare.ts";
import type { Both, Pair } from "./pair.ts";

// [N, K, group]: less than a vector, blocks of 256 that are cut, groups that divide nothing.
const SIZES = [[1, 4, 4], [3, 30, 10], [65, 96, 32], [20, 136, 17], [9, 256, 128], [
  30,
  544,
  32,
]] as const;

const DAMPED: FactorOptions = { order: "activation", damping: 0.01, tries: 5 };

/** Registers the cases. */
export function compensationCases(register: RegisterCase): void {
  for (const order of ["natural", "activation", "groups"] as const) {
    for (const groups of ["static", "dynamic"] as const) {
      if (order === "activation" && groups === "dynamic") continue; // refused
      register(`compensate, ${order} order and ${groups} groups`, async (pair) => {
        let [different, total] = [0, 0];
        for (const [N, K, groupSize] of SIZES) {
          if (groups === "dynamic" && 256 % groupSize !== 0) continue;
          const gram = await gramOf(pair, K);
          const w = pair.random(K % 3 === 0 ? "BF16" : "F32", [N, K], 0.1);
          const symmetric = K % 64 === 0;
          const grid = gridOf(groupSize, { bits: K < 300 ? 3 : 4, symmetric });
          const options = { ...DAMPED, order, groupSize };
          const result = await compensated(pair, { w, gram, grid, options, groups });
          const label = `[${N}, ${K}] in groups of ${groupSize}`;
          if (groups === "static") sameGrid(pair, result.weight, label);
          const codes = codesOf(pair, result.weight);
          total += codes.oracle.length;
          different += codes.oracle.filter((code, i) => code !== codes.tested[i]).length;
          assertNear(result.loss, 1e-3, `loss of ${label}`);
          const measured = await pair.run((backend, use) =>
            backend.quantizationLoss(
              use(w),
              { kind: "gram", gram: use(gram) },
              use(result.weight),
            )
          );
          assertNear({ tested: result.loss.tested, oracle: measured.oracle }, 1e-3, `its own`);
          const plain = await pair.run(async (backend, use) => {
            using rounded = await backend.quantize(use(w), grid);
            return await backend.quantizationLoss(
              use(w),
              { kind: "gram", gram: use(gram) },
              rounded,
            );
          });
          if (K > 30) assert.ok(measured.tested < 0.9 * plain.tested, `${label}: no gain`);
        }
        assert.ok(different <= total / 1000, `${different} of ${total} integers differ`);
      });
    }
  }

  register("compensate from 2 to 8 bits", async (pair) => {
    const gram = await gramOf(pair, 96);
    const w = pair.random("F32", [17, 96], 0.1);
    let different = 0;
    for (let bits = 2; bits <= 8; bits++) {
      for (const symmetric of [false, true]) {
        for (const scaleDtype of ["F16", "BF16", "F32"] as const) {
          const grid = gridOf(32, { bits, symmetric, scaleDtype, range: "zero" });
          const result = await compensated(pair, { w, gram, grid, options: DAMPED });
          sameGrid(pair, result.weight, JSON.stringify(grid));
          const codes = codesOf(pair, result.weight);
          different += codes.oracle.filter((code, i) => code !== codes.tested[i]).length;
          assertNear(result.loss, 1e-3, JSON.stringify(grid));
        }
      }
    }
    assert.ok(different <= 42 * 17 * 96 / 1000, `${different} integers differ`);
  });

  register("compensate on given ranges", async (pair) => {
    const gram = await gramOf(pair, 96);
    const w = pair.put(pair.normal(8 * 96).map((value) => value ** 3), "F32", [8, 96]);
    const grid = gridOf(32, { bits: 3 });
    const ranges = await pair.run(async (backend, use) => {
      const search = { steps: 10, maxShrink: 0.5, sweeps: 1 };
      const moment = { kind: "gram", gram: use(gram) } as const;
      return (await backend.searchRanges(use(w), moment, grid, search)).weight;
    });
    const { weight } = await compensated(pair, { w, gram, grid, options: DAMPED, ranges });
    for (const name of ["scales", "zeros"] as const) {
      assertSame({
        tested: pair.tested.download(weight.tested[name]),
        oracle: pair.tested.download(ranges.tested[name]),
      }, name);
    }
  });

  register("compensate without the inputs that are all 0, and rows of zeros", async (pair) => {
    const x = pair.normal(200 * 64).map((value, i) => i % 64 % 5 === 3 ? 0 : value);
    const gram = await gramOfRows(pair, pair.put(x, "F32", [200, 64]), 64);
    const values = pair.normal(6 * 64, 0.1);
    const grid = gridOf(16);
    for (let k = 0; k < 64; k++) values[2 * 64 + k] = 0;
    const w = pair.put(values, "F32", [6, 64]);
    const { weight } = await compensated(pair, { w, gram, grid, options: DAMPED });
    assertSame(codesOf(pair, weight), "codes");
    const dequantized = await pair.run((backend, use) => backend.dequantize(use(weight)));
    pair.values(dequantized).tested.forEach((value, i) => {
      if (i % 64 % 5 === 3) assert.equal(value, 0, `a weight that nothing reads, at ${i}`);
      if (Math.floor(i / 64) === 2) assert.equal(value, 0, `a row of zeros, at ${i}`);
    });
  });

  register("factorGram damps until the Gram is positive definite", async (pair) => {
    const few = pair.random("F32", [3, 40]);
    const gram = await gramOfRows(pair, few, 40);
    const damping = await pair.run(async (backend, use) => {
      const at = async (start: number, tries: number): Promise<number | undefined> => {
        const options = { order: "natural", damping: start, tries } as const;
        using factor = await backend.factorGram(use(gram), options);
        return factor?.damping;
      };
      return [await at(0, 1), await at(0, 2), await at(0.01, 1)];
    });
    assert.deepEqual(damping.tested, [undefined, 1e-4, 0.01]);
    assert.deepEqual(damping.oracle, damping.tested);

    const values = new Float32Array(16).fill(3);
    for (let k = 0; k < 4; k++) values[5 * k] = 1; // eigenvalues 10 and -2
    const indefinite = pair.put(values, "F32", [4, 4]);
    const needed = await pair.run(async (backend, use) => {
      const options = { order: "natural", damping: 0.01, tries: 10 } as const;
      using some = await backend.factorGram(use(indefinite), options);
      using none = await backend.factorGram(use(indefinite), { ...options, tries: 3 });
      return [some?.damping, none];
    });
    assert.deepEqual(needed.tested, [10, undefined]);
    assert.deepEqual(needed.oracle, needed.tested);
  });

  register("compensate refuses what it cannot do", async ({ tested }) => {
    using gram = tested.upload(Float32Array.of(2, 0, 0, 1), "F32", [2, 2]);
    using bad = tested.upload(Float32Array.of(2, NaN, NaN, 1), "F32", [2, 2]);
    using worse = tested.upload(Float32Array.of(NaN, 0, 0, 1), "F32", [2, 2]);
    using w = tested.upload(Float32Array.of(1, NaN), "F32", [1, 2]);
    using infinite = tested.upload(Float32Array.of(1, -Infinity), "F32", [1, 2]);
    using wide = tested.zeros("F32", [1, 4]);
    using fine = tested.zeros("F32", [1, 2]);
    using factor = (await tested.factorGram(gram, { ...DAMPED, order: "activation" }))!;
    const grid = gridOf(1);
    const ended = (await tested.factorGram(gram, DAMPED))!;
    ended[Symbol.dispose]();
    const calls: Record<string, () => Promise<unknown>> = {
      "a NaN in the Gram": () => tested.factorGram(bad, DAMPED),
      "a NaN on its diagonal": () => tested.factorGram(worse, DAMPED),
      "a Gram that is not square": () => tested.factorGram(w, DAMPED),
      "negative damping": () => tested.factorGram(gram, { ...DAMPED, damping: -1 }),
      "no tries": () => tested.factorGram(gram, { ...DAMPED, tries: 0 }),
      "a NaN weight": () => tested.compensate(w, factor, grid),
      "an infinite weight": () => tested.compensate(infinite, factor, grid),
      "other inputs": () => tested.compensate(wide, factor, grid),
      "an order that takes groups apart": () =>
        tested.compensate(fine, factor, grid, { groups: "dynamic" }),
      "a factor that is gone": () => tested.compensate(fine, ended, grid),
    };
    for (const [label, call] of Object.entries(calls)) {
      await assert.rejects(call, { name: "SalientError" }, label);
    }
  });
}

function gridOf(groupSize: number, more: Partial<AffineGrid> = {}): AffineGrid {
  return { bits: 4, groupSize, symmetric: false, scaleDtype: "F16", range: "minmax", ...more };
}

/** The Gram of inputs that hang together, some of them much larger than others. */
async function gramOf(pair: Pair, K: number): Promise<Both<Tensor>> {
  const tokens = 2 * K + 10;
  const common = pair.normal(tokens);
  const sizes = pair.normal(K, 0.7).map(Math.exp);
  const x = pair.normal(tokens * K).map((value, i) => {
    return sizes[i % K]! * (value + 0.7 * common[Math.floor(i / K)]!);
  });
  return await gramOfRows(pair, pair.put(x, "F32", [tokens, K]), K);
}

/** Both backends get the reference's Gram, so that they differ in nothing else. */
async function gramOfRows(pair: Pair, x: Both<Tensor>, K: number): Promise<Both<Tensor>> {
  using gram = pair.oracle.zeros("F32", [K, K]);
  await pair.oracle.accumulateGram(x.oracle, gram);
  return pair.put(pair.oracle.download(gram), "F32", [K, K]);
}

async function compensated(pair: Pair, { w, gram, grid, options, groups, ranges }: {
  w: Both<Tensor>;
  gram: Both<Tensor>;
  grid: AffineGrid;
  options: FactorOptions;
  groups?: "static" | "dynamic";
  ranges?: Both<QuantizedWeight>;
}): Promise<{ weight: Both<QuantizedWeight>; loss: Both<number> }> {
  const { tested, oracle } = await pair.run(async (backend, use) => {
    using factor = await backend.factorGram(use(gram), options);
    assert.ok(factor !== undefined, "the Gram is positive definite");
    return await backend.compensate(use(w), factor, grid, {
      groups,
      ranges: ranges && use(ranges),
    });
  });
  return {
    weight: pair.keep({ tested: tested.weight, oracle: oracle.weight }),
    loss: { tested: tested.loss, oracle: oracle.loss },
  };
}

function codesOf(pair: Pair, weight: Both<QuantizedWeight>): Both<Uint8Array> {
  return {
    tested: pair.tested.downloadBytes(weight.tested.codes),
    oracle: pair.oracle.downloadBytes(weight.oracle.codes),
  };
}

function sameGrid(pair: Pair, { tested, oracle }: Both<QuantizedWeight>, label: string): void {
  const part = (name: "scales" | "zeros") =>
    pair.values({ tested: tested[name], oracle: oracle[name] });
  assertSame(part("scales"), `scales ${label}`);
  assertSame(part("zeros"), `zeros ${label}`);
}
