/**
 * The other operations of a forward pass.
 *
 * @module
 */

import type { AttentionShape } from "../../../core/backend.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertClose } from "./compare.ts";

const WIDTHS = [[1, 1], [3, 7], [2, 16], [5, 130], [1, 257]] as const;

/** Registers the cases. */
export function modelCases(register: RegisterCase): void {
  register("rmsNorm", async (pair) => {
    for (const [T, H] of WIDTHS) {
      for (const dtype of ["F32", "BF16", "F16"] as const) {
        const x = pair.random("F32", [T, H], 3);
        const weight = pair.random(dtype, [H]);
        const y = await pair.run((backend, use) =>
          backend.rmsNorm(use(x), use(weight), 1e-6, dtype === "F16" ? 1 : 0)
        );
        assertClose(pair.values(y), 1e-5, `[${T}, ${H}] ${dtype}`);
      }
    }
    const zero = pair.put(new Float32Array(9), "F32", [1, 9]);
    const weight = pair.random("F32", [9]);
    const y = await pair.run((backend, use) => backend.rmsNorm(use(zero), use(weight), 1e-5, 0));
    assertClose(pair.values(y), 0, "a row of zeros");
  });

  register("rope", async (pair) => {
    for (
      const [heads, headDim, R, sequences, length, start] of [
        [1, 2, 2, 1, 1, 0],
        [3, 8, 8, 2, 5, 0],
        [2, 10, 6, 1, 4, 3],
        [4, 64, 64, 3, 2, 7],
        [2, 34, 34, 1, 9, 1],
      ] as const
    ) {
      const x = pair.random("F32", [sequences * length, heads * headDim]);
      const angles = pair.normal((start + length + 2) * R / 2, 2);
      const table = new Float32Array(angles.length * 2);
      angles.forEach((angle, i) => {
        const at = Math.floor(i / (R / 2)) * R + i % (R / 2);
        table[at] = Math.cos(angle);
        table[at + R / 2] = Math.sin(angle);
      });
      const cosSin = pair.put(table, "F32", [start + length + 2, R]);
      await pair.run((backend, use) =>
        backend.rope(use(x), use(cosSin), { heads, headDim, sequences, start })
      );
      assertClose(pair.values(x), 1e-5, `${heads} heads of ${headDim}, ${R} rotated`);
    }
  });

  register("attention", async (pair) => {
    const plain = { sequences: 1, window: 0, queryStart: 0 };
    // Queries, key rows, and the shape.
    const calls: [number, number, Omit<AttentionShape, "scale">][] = [
      [1, 1, { ...plain, heads: 1, kvHeads: 1, headDim: 1 }],
      [5, 5, { ...plain, heads: 2, kvHeads: 2, headDim: 8 }],
      [17, 17, { ...plain, heads: 6, kvHeads: 2, headDim: 20 }],
      [9, 9, { ...plain, heads: 4, kvHeads: 1, headDim: 32, sequences: 3 }],
      [33, 33, { ...plain, heads: 2, kvHeads: 1, headDim: 64, window: 5 }],
      [12, 12, { ...plain, heads: 3, kvHeads: 3, headDim: 5, window: 1 }],
      [70, 70, { ...plain, heads: 2, kvHeads: 2, headDim: 16, sequences: 2, window: 40 }],
      [1, 23, { ...plain, heads: 4, kvHeads: 2, headDim: 16, queryStart: 22 }],
      [3, 40, { ...plain, heads: 4, kvHeads: 2, headDim: 16, queryStart: 10, keyLength: 13 }],
      [1, 40, {
        ...plain,
        heads: 8,
        kvHeads: 4,
        headDim: 12,
        queryStart: 30,
        keyLength: 31,
        window: 7,
      }],
      [130, 130, { ...plain, heads: 1, kvHeads: 1, headDim: 128 }],
    ];
    for (const [queries, keys, shape] of calls) {
      const { heads, kvHeads, headDim, sequences } = shape;
      const q = pair.random("F32", [sequences * queries, heads * headDim]);
      const k = pair.random("F32", [sequences * keys, kvHeads * headDim]);
      const v = pair.random("F32", [sequences * keys, kvHeads * headDim]);
      for (const scale of [1 / Math.sqrt(headDim), 8]) {
        const out = await pair.run((backend, use) =>
          backend.attention(use(q), use(k), use(v), { ...shape, scale })
        );
        assert.deepEqual([...out.tested.shape], [sequences * queries, heads * headDim]);
        // A scale of 8 makes scores of hundreds, whose fp32 rounding the exponential magnifies.
        assertClose(
          pair.values(out),
          scale === 8 ? 5e-4 : 1e-5,
          JSON.stringify({ queries, shape }),
        );
      }
    }
  });

  register("gatedActivation", async (pair) => {
    for (const activation of ["silu", "gelu", "gelu_tanh"] as const) {
      for (const [T, H] of WIDTHS) {
        const gate = pair.random("F32", [T, H], 4);
        const up = pair.random("F32", [T, H]);
        const y = await pair.run((backend, use) =>
          backend.gatedActivation(use(gate), use(up), activation)
        );
        assertClose(pair.values(y), 1e-5, activation);
      }
      const extreme = pair.put(Float32Array.of(-1e4, -90, -20, 0, 20, 90, 1e4), "F32", [1, 7]);
      const ones = pair.put(new Float32Array(7).fill(1), "F32", [1, 7]);
      const y = await pair.run((backend, use) =>
        backend.gatedActivation(use(extreme), use(ones), activation)
      );
      assertClose(pair.values(y), 1e-6, `${activation} of extreme values`);
    }
  });

  register("addInPlace", async (pair) => {
    for (const [T, H] of WIDTHS) {
      const x = pair.random("F32", [T, H]);
      const y = pair.random("F32", [T, H]);
      await pair.run((backend, use) => backend.addInPlace(use(x), use(y)));
      assertClose(pair.values(x), 1e-7);
    }
  });

  register("negativeLogLikelihood", async (pair) => {
    for (const [T, V] of [[1, 1], [4, 7], [3, 130], [9, 1000]] as const) {
      for (const deviation of [1, 60]) {
        const logits = pair.random("F32", [T, V], deviation);
        const targets = Int32Array.from(
          { length: T },
          (_, t) => t % 4 === 1 ? -1 : pair.whole(0, V - 1),
        );
        const losses = await pair.run((backend, use) =>
          backend.negativeLogLikelihood(use(logits), targets)
        );
        assert.ok(losses.tested instanceof Float64Array);
        targets.forEach((target, t) => target < 0 && assert.equal(losses.tested[t], 0));
        assertClose(losses, 1e-5, `[${T}, ${V}]`);
      }
    }
  });
}
