/**
 * Matrix products of activations that are rounded to integers.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ActivationFormat, AffineGrid } from "../../../core/backend.ts";
import type { RegisterCase } from "../backend_suite.ts";
import { assertClose } from "./compare.ts";

const DYNAMIC: ActivationFormat = { bits: 8, granularity: "token", dynamic: true };
/** So narrow that the largest values are cut off. */
const FIXED: ActivationFormat = { bits: 8, granularity: "tensor", dynamic: false, scale: 0.013 };

// [T, K, N]: single elements, odd tails, and sizes that fill a kernel's blocks.
const SIZES = [
  [1, 1, 1],
  [1, 130, 67],
  [2, 64, 16],
  [3, 33, 17],
  [5, 257, 40],
  [13, 96, 129],
  [40, 300, 65],
] as const;

/** Registers the cases. */
export function activationCases(register: RegisterCase, scaleTolerance = 1e-6): void {
  for (const [kind, activation] of Object.entries({ dynamic: DYNAMIC, fixed: FIXED })) {
    register(`linear of activations in 8 bits, ${kind} scales`, async (pair) => {
      for (const [T, K, N] of SIZES) {
        for (
          const [bits, groupSize, symmetric] of [[8, K, true], [8, K, false], [6, K, true], [
            4,
            K,
            false,
          ]] as const
        ) {
          const x = pair.random("F32", [T, K]);
          const w = pair.random("F32", [N, K], 0.1);
          const b = pair.random("F32", [N]);
          const grid: AffineGrid = {
            bits,
            groupSize,
            symmetric,
            scaleDtype: "F32",
            range: "minmax",
          };
          const packed = await pair.run(async (backend, use) => {
            using weight = await backend.quantize(use(w), grid);
            return backend.pack(weight);
          });
          const y = await pair.run((backend, use) =>
            backend.linear(use(x), use(packed), { bias: use(b), activation })
          );
          // Sums of integers are exact; with 4 bits a backend may write x as 16 bits.
          const tolerance = bits > 4 ? scaleTolerance : 1e-4;
          assertClose(pair.values(y), tolerance, `[${T}, ${K}, ${N}] with ${bits} bits`);
          assert.deepEqual([y.tested.dtype, [...y.tested.shape]], ["F32", [T, N]]);
        }
      }
    });
  }

  register("linear of rounded activations with groups and with plain weights", async (pair) => {
    const x = pair.random("F32", [9, 96]);
    const w = pair.random("BF16", [35, 96], 0.1);
    const grid: AffineGrid = {
      bits: 4,
      groupSize: 32,
      symmetric: false,
      scaleDtype: "F16",
      range: "minmax",
    };
    const packed = await pair.run(async (backend, use) => {
      using weight = await backend.quantize(use(w), grid);
      return backend.pack(weight);
    });
    for (const activation of [DYNAMIC, FIXED, { ...DYNAMIC, bits: 4 }]) {
      const grouped = await pair.run((backend, use) =>
        backend.linear(use(x), use(packed), { activation })
      );
      assertClose(pair.values(grouped), 1e-4, `groups, ${activation.bits} bits`);
      const plain = await pair.run((backend, use) =>
        backend.linear(use(x), use(w), { activation })
      );
      assertClose(pair.values(plain), 1e-5, `plain, ${activation.bits} bits`);
    }
  });

  register("linear of activations that are halves, zero or no numbers", async (pair) => {
    const [K, N] = [20, 3];
    const rows = [
      Float32Array.from({ length: K }, (_, k) => k === 0 ? 127 : k - 9.5), // halves go to the even side
      new Float32Array(K),
      new Float32Array(K).fill(1e-7),
      new Float32Array(K).fill(1).with(3, NaN),
      new Float32Array(K).fill(1).with(4, -Infinity),
    ];
    const x = pair.put(Float32Array.from(rows.flatMap((row) => [...row])), "F32", [rows.length, K]);
    const w = pair.put(pair.normal(N * K), "F32", [N, K]);
    const grid: AffineGrid = {
      bits: 8,
      groupSize: K,
      symmetric: true,
      scaleDtype: "F32",
      range: "minmax",
    };
    const packed = await pair.run(async (backend, use) => {
      using weight = await backend.quantize(use(w), grid);
      return backend.pack(weight);
    });
    for (const activation of [DYNAMIC, { ...FIXED, scale: 1 }]) {
      const y = await pair.run((backend, use) =>
        backend.linear(use(x), use(packed), { activation })
      );
      const { tested, oracle } = pair.values(y);
      assert.deepEqual(Array.from(tested, Number.isNaN), Array.from(oracle, Number.isNaN));
      const none = (value: number): number => Number.isNaN(value) ? 0 : value;
      assertClose({ tested: tested.map(none), oracle: oracle.map(none) }, scaleTolerance);
      assert.ok(Number.isNaN(oracle[3 * N]), "NaN stays");
      assert.equal(Number.isNaN(oracle[4 * N]), activation.dynamic, "an infinity has no scale");
    }
  });

  register("linear refuses activation formats that it does not run", async ({ tested }) => {
    using x = tested.upload(new Float32Array(8), "F32", [2, 4]);
    using w = tested.upload(new Float32Array(12), "F32", [3, 4]);
    for (
      const change of [
        { bits: 9 },
        { granularity: "tensor" },
        { dynamic: false },
        { symmetric: false },
        { scale: 1 },
        { granularity: "tensor", dynamic: false, scale: 1e-60 },
      ]
    ) {
      const activation = { ...DYNAMIC, ...change } as ActivationFormat;
      await assert.rejects(
        tested.linear(x, w, { activation }),
        /activation/i,
        JSON.stringify(change),
      );
    }
  });
}
