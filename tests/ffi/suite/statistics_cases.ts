/**
 * Statistics of inputs and weights, and their scaling.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertClose, assertSame } from "./compare.ts";

const SIZES = [[1, 1], [3, 7], [40, 16], [129, 65], [20, 200]] as const;
const FLOATS = ["F64", "F32", "F16", "BF16", "F8_E4M3"] as const;

/** Registers the cases. */
export function statisticsCases(register: RegisterCase): void {
  register("accumulateAbs over several calls", async (pair) => {
    for (const [T, K] of SIZES) {
      const sum = pair.put(new Float32Array(K), "F64", [K]);
      const max = pair.put(new Float32Array(K), "F32", [K]);
      for (let call = 0; call < 3; call++) {
        const x = pair.random("F32", [T, K]);
        await pair.run((backend, use) => backend.accumulateAbs(use(x), use(sum), use(max)));
      }
      const sums = await pair.run((backend, use) =>
        new Float64Array(backend.downloadBytes(use(sum)).buffer)
      );
      assertClose(sums, 1e-7, `[${T}, ${K}]`);
      assertSame(pair.values(max), `[${T}, ${K}]`);
    }
  });

  register("accumulateGram over several calls, symmetric", async (pair) => {
    for (const [T, K] of SIZES) {
      const gram = pair.put(new Float32Array(K * K), "F32", [K, K]);
      for (let call = 0; call < 2; call++) {
        const x = pair.random("F32", [T, K]);
        await pair.run((backend, use) => backend.accumulateGram(use(x), use(gram)));
      }
      const values = pair.values(gram);
      assertClose(values, 1e-5, `[${T}, ${K}]`);
      for (let i = 0; i < K; i++) {
        for (let j = 0; j < i; j++) {
          assert.equal(values.tested[i * K + j], values.tested[j * K + i]);
        }
      }
    }
  });

  register("scaleColumns, scaleRows and scaleGram", async (pair) => {
    for (const [N, K] of SIZES) {
      const [columns, rows] = [pair.positive(K), pair.positive(N)];
      for (const dtype of FLOATS) {
        const w = pair.random(dtype, [N, K]);
        const b = pair.random(dtype, [N]);
        const results = [
          await pair.run((backend, use) => backend.scaleColumns(use(w), columns)),
          await pair.run((backend, use) => backend.scaleRows(use(w), rows)),
          await pair.run((backend, use) => backend.scaleRows(use(b), rows)),
        ];
        for (const result of results) {
          assert.equal(result.tested.dtype, "F32");
          assertSame(pair.values(result), `${dtype} [${N}, ${K}]`);
        }
      }
      const gram = pair.random("F32", [K, K]);
      await pair.run((backend, use) => backend.scaleGram(use(gram), columns));
      assertClose(pair.values(gram), 1e-6, `Gram [${K}, ${K}]`);
    }
  });

  register("summarize", async (pair) => {
    for (const [N, K] of SIZES) {
      for (const dtype of ["F64", "F32", "F16", "BF16"] as const) {
        const values = pair.normal(N * K);
        for (let n = 0; n < N; n++) {
          for (let k = 0; k < K; k += 3) values[n * K + k] = n % 2 === 0 ? 0 : -0;
        }
        if (K > 4) {
          values[1] = NaN;
          values[2] = -Infinity;
          values[N * K - K + 4] = Infinity;
        }
        const tensor = pair.put(values, dtype, [N, K]);
        const found = await pair.run((backend, use) => backend.summarize(use(tensor)));
        assert.deepEqual(found.tested, found.oracle, `${dtype} [${N}, ${K}]`);
      }
    }
  });

  register("relativeMagnitude", async (pair) => {
    for (const [N, K, groupSize] of [[1, 1, 1], [3, 8, 4], [17, 96, 32], [5, 60, 20]] as const) {
      for (const dtype of FLOATS) {
        const w = pair.random(dtype, [N, K]);
        const means = await pair.run((backend, use) =>
          backend.relativeMagnitude(use(w), groupSize)
        );
        assertClose(means, 1e-5, `${dtype} [${N}, ${K}]`);
      }
    }
  });
}
