/**
 * Operations that families beside Llama's need.
 *
 * @module
 */

import type { Activation, AttentionShape } from "../../../core/backend.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertClose, assertSame } from "./compare.ts";
import type { Pair } from "./pair.ts";

const WIDTHS = [[1, 1], [3, 7], [2, 16], [5, 130], [1, 257], [40, 600]] as const;
const ACTIVATIONS: readonly Activation[] = [
  "silu",
  "gelu",
  "gelu_tanh",
  "relu",
  "relu2",
  "quick_gelu",
];
const EXTREMES = [-Infinity, -1e4, -90, -20, -1e-3, -0, 0, 1e-3, 20, 90, 1e4, Infinity, NaN];

/** Registers the cases. */
export function rowCases(register: RegisterCase): void {
  register("layerNorm", async (pair) => {
    for (const [T, H] of WIDTHS) {
      for (const dtype of ["F32", "BF16", "F16"] as const) {
        for (const [hasWeight, hasBias] of [[true, true], [true, false], [false, true], []]) {
          const offset = pair.whole(-3, 3) * 10; // a mean far from 0
          const x = pair.put(pair.normal(T * H, 3).map((value) => value + offset), "F32", [T, H]);
          const weight = pair.random(dtype, [H]);
          const bias = pair.random(dtype, [H]);
          const y = await pair.run((backend, use) =>
            backend.layerNorm(
              use(x),
              hasWeight === true ? use(weight) : undefined,
              hasBias === true ? use(bias) : undefined,
              1e-5,
            )
          );
          assertClose(pair.values(y), 1e-6, `[${T}, ${H}] ${dtype} ${hasWeight} ${hasBias}`);
        }
      }
    }
    const heads = pair.random("F32", [2, 3, 20], 5); // the last axis alone counts
    const y = await pair.run((backend, use) =>
      backend.layerNorm(use(heads), undefined, undefined, 1e-6)
    );
    assert.deepEqual([...y.tested.shape], [2, 3, 20]);
    assertClose(pair.values(y), 1e-6, "three axes");
    const level = pair.put(new Float32Array(9).fill(7), "F32", [1, 9]);
    const flat = await pair.run((backend, use) =>
      backend.layerNorm(use(level), undefined, undefined, 1e-5)
    );
    assertSame(pair.values(flat), "a row without variance");
  });

  register("activate, and gatedActivation with each activation", async (pair) => {
    for (const activation of ACTIVATIONS) {
      for (const [T, H] of WIDTHS) {
        const x = pair.random("F32", [T, H], 4);
        const up = pair.random("F32", [T, H]);
        const y = await pair.run((backend, use) =>
          backend.gatedActivation(use(x), use(up), activation)
        );
        assertClose(pair.values(y), 1e-6, `gated ${activation}`);
        await pair.run((backend, use) => backend.activate(use(x), activation));
        assertClose(pair.values(x), 1e-6, activation);
      }
      const finite = EXTREMES.filter(Number.isFinite);
      const extreme = pair.put(Float32Array.from(finite), "F32", [1, finite.length]);
      await pair.run((backend, use) => backend.activate(use(extreme), activation));
      assertClose(pair.values(extreme), 1e-6, `${activation} of extreme values`);
      const nan = pair.put(Float32Array.of(NaN, 1, NaN), "F32", [3]);
      await pair.run((backend, use) => backend.activate(use(nan), activation));
      assertClose(pair.values(nan), 1e-6, `${activation} of NaN`);
    }
  });

  register("softcap", async (pair) => {
    for (const [T, H] of WIDTHS) {
      for (const cap of [0.5, 30]) {
        const x = pair.random("F32", [T, H], cap * 2);
        await pair.run((backend, use) => backend.softcap(use(x), cap));
        assertClose(pair.values(x), 3e-7, `cap ${cap}`);
      }
    }
    const extreme = pair.put(Float32Array.from(EXTREMES), "F32", [EXTREMES.length]);
    await pair.run((backend, use) => backend.softcap(use(extreme), 50));
    assertClose(pair.values(extreme), 3e-7, "extreme values");
    // Small scores keep their relative precision.
    const small = pair.random("F32", [1000], 1e-3);
    await pair.run((backend, use) => backend.softcap(use(small), 1));
    assertClose(pair.values(small), 3e-7, "small values");
  });

  register("selectColumns", async (pair) => {
    for (const [T, K] of WIDTHS) {
      const x = pair.random("F32", [T, K]);
      const lists = {
        "all": Array.from({ length: K }, (_, k) => k),
        "none": [],
        "scattered": Array.from({ length: 2 * K + 3 }, () => pair.whole(-1, K - 1)),
        "halves exchanged": Array.from({ length: K }, (_, k) => (k + (K >> 1)) % K),
        "backwards": Array.from({ length: K }, (_, k) => K - 1 - k),
        "runs with gaps": runs(pair, K),
        "nothing but zeros": [-1, -1, -1],
        "one column often": Array.from({ length: 20 }, () => K - 1),
      };
      for (const [label, list] of Object.entries(lists)) {
        const columns = Int32Array.from(list);
        const y = await pair.run((backend, use) => backend.selectColumns(use(x), columns));
        assert.deepEqual([...y.tested.shape], [T, columns.length]);
        assertSame(pair.values(y), `[${T}, ${K}] ${label}`);
      }
    }
  });

  register("addRows", async (pair) => {
    for (const [T, K] of WIDTHS) {
      for (const n of [0, 1, T, 3 * T + 2]) {
        const target = pair.random("F32", [T, K]);
        const source = pair.random("F32", [n, K]);
        const rows = Int32Array.from({ length: n }, () => pair.whole(0, T - 1));
        const weights = pair.normal(n);
        await pair.run((backend, use) => backend.addRows(use(target), use(source), rows, weights));
        // Product and sum are each rounded once, in one order: every bit is defined.
        assertSame(pair.values(target), `${n} rows to [${T}, ${K}]`);
      }
    }
  });

  register("rope of neighbouring pairs", async (pair) => {
    for (
      const [heads, headDim, R, sequences, length, start] of [
        [1, 2, 2, 1, 1, 0],
        [3, 8, 8, 2, 5, 0],
        [2, 10, 6, 1, 4, 3],
        [4, 64, 32, 3, 2, 7],
        [2, 34, 34, 1, 9, 1],
      ] as const
    ) {
      const x = pair.random("F32", [sequences * length, heads * headDim]);
      const table = pair.random("F32", [start + length + 2, R]);
      const shape = { heads, headDim, sequences, start, interleaved: true };
      await pair.run((backend, use) => backend.rope(use(x), use(table), shape));
      assertClose(pair.values(x), 1e-6, `${heads} heads of ${headDim}, ${R} rotated`);
    }
  });

  register("attention with a softcap and with slopes", async (pair) => {
    const plain = { sequences: 1, window: 0, queryStart: 0 };
    // Queries, key rows, and the shape.
    const calls: [number, number, Omit<AttentionShape, "scale">][] = [
      [1, 1, { ...plain, heads: 1, kvHeads: 1, headDim: 1 }],
      [17, 17, { ...plain, heads: 6, kvHeads: 2, headDim: 20 }],
      [9, 9, { ...plain, heads: 4, kvHeads: 1, headDim: 32, sequences: 3 }],
      [33, 33, { ...plain, heads: 2, kvHeads: 1, headDim: 64, window: 5 }],
      [70, 70, { ...plain, heads: 2, kvHeads: 2, headDim: 16, sequences: 2, window: 40 }],
      [1, 23, { ...plain, heads: 4, kvHeads: 2, headDim: 16, queryStart: 22 }],
      [3, 40, { ...plain, heads: 24, kvHeads: 2, headDim: 16, queryStart: 10, keyLength: 13 }],
      [300, 300, { ...plain, heads: 2, kvHeads: 1, headDim: 128 }],
    ];
    for (const [queries, keys, shape] of calls) {
      const { heads, kvHeads, headDim, sequences } = shape;
      const q = pair.random("F32", [sequences * queries, heads * headDim], 2);
      const k = pair.random("F32", [sequences * keys, kvHeads * headDim], 2);
      const v = pair.random("F32", [sequences * keys, kvHeads * headDim]);
      const slopes = Float32Array.from({ length: heads }, (_, h) => 2 ** (-8 * (h + 1) / heads));
      for (const extra of [{ softcap: 5 }, { slopes }, { softcap: 2, slopes }, { softcap: 0 }]) {
        const out = await pair.run((backend, use) =>
          backend.attention(use(q), use(k), use(v), {
            ...shape,
            ...extra,
            scale: 1 / Math.sqrt(headDim),
          })
        );
        const label = JSON.stringify({ queries, shape, extra: Object.keys(extra) });
        assertClose(pair.values(out), 1e-5, label);
      }
    }
  });
}

/** Columns in runs of random lengths, with some that are 0. */
function runs(pair: Pair, K: number): number[] {
  const columns: number[] = [];
  while (columns.length < 2 * K) {
    const start = pair.whole(-1, K - 1);
    const length = pair.whole(1, Math.min(40, K - Math.max(start, 0)));
    for (let i = 0; i < length; i++) columns.push(start < 0 ? -1 : start + i);
  }
  return columns;
}
