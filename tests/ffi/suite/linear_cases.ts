/**
 * Matrix products, with plain and with packed weights.
 *
 * @module
 */

import type { AffineGrid, Backend } from "../../../core/backend.ts";
import type { Tensor } from "../../../core/tensor.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertClose } from "./compare.ts";
import type { Both } from "./pair.ts";

// [T, K, N]: single elements, odd tails, and sizes that fill a kernel's tiles.
const SIZES = [
  [1, 1, 1],
  [1, 7, 3],
  [1, 64, 129],
  [2, 16, 16],
  [3, 33, 17],
  [5, 130, 66],
  [17, 64, 31],
  [7, 257, 40],
  [64, 96, 48],
  [37, 300, 65],
] as const;

/** Registers the cases. */
export function linearCases(register: RegisterCase, packedTolerance?: number): void {
  for (const dtype of ["F32", "F64", "F16", "BF16", "F8_E4M3"] as const) {
    register(`linear with ${dtype} weights`, async (pair) => {
      for (const [T, K, N] of SIZES) {
        const x = pair.random("F32", [T, K]);
        const w = pair.random(dtype, [N, K]);
        const b = pair.random("F32", [N]);
        for (const bias of [undefined, b]) {
          const y = await pair.run((backend, use) =>
            backend.linear(use(x), use(w), { bias: bias && use(bias) })
          );
          assert.deepEqual([y.tested.dtype, [...y.tested.shape]], ["F32", [T, N]]);
          assertClose(pair.values(y), 1e-5, `[${T}, ${K}, ${N}]`);
        }
      }
    });

    register(`linear with ${dtype} weights rounded to bf16`, async (pair) => {
      for (const [T, K, N] of SIZES) {
        const x = pair.random("F32", [T, K]);
        const w = pair.random(dtype, [N, K]);
        const y = await pair.run((backend, use) =>
          backend.linear(use(x), use(w), { precision: "bf16" })
        );
        assertClose(pair.values(y), 2e-2, `[${T}, ${K}, ${N}]`);
      }
    });
  }

  for (let bits = 2; bits <= 8; bits++) {
    register(`linear with a packed weight of ${bits} bits`, async (pair) => {
      for (
        const [T, K, N, groupSize] of [
          [1, 8, 1, 8],
          [1, 128, 33, 128],
          [3, 96, 17, 32],
          [1, 192, 40, 64],
          [2, 60, 9, 20],
          [19, 256, 48, 128],
          [33, 21, 5, 7],
        ] as const
      ) {
        const grid = {
          bits,
          groupSize,
          symmetric: N === 17,
          scaleDtype: "F16",
          range: "minmax",
        } as const;
        const x = pair.random("F32", [T, K]);
        const w = pair.random("F32", [N, K], 0.1);
        const b = pair.random("F32", [N]);
        const packed = await pair.run(async (backend, use) => {
          using weight = await backend.quantize(use(w), grid);
          return backend.pack(weight);
        });
        const { shape, bits: packedBits, groupSize: packedGroup, byteLength } = packed.tested;
        assert.deepEqual([[...shape], packedBits, packedGroup], [[N, K], bits, groupSize]);
        // Small ones may be padded to the size of a tile.
        if (bits <= 4 && N * K > 4096) assert.ok(byteLength < N * K, "nibbles stay nibbles");
        const y = await pair.run((backend, use) =>
          backend.linear(use(x), use(packed), { bias: use(b) })
        );
        if (packedTolerance !== undefined) {
          const terms = await sizeOfTerms(pair.oracle, { x, w, b }, grid);
          assertWithin(pair.values(y), terms, packedTolerance, `[${T}, ${K}, ${N}]`);
          continue;
        }
        // A backend may write x as 16 bits relative to the largest of its group.
        assertClose(pair.values(y), 1e-4, `[${T}, ${K}, ${N}] in groups of ${groupSize}`);
      }
    });
  }
}

/** The sums of the sizes of the terms of x Q(w)^T + b. */
async function sizeOfTerms(
  oracle: Backend,
  { x, w, b }: Record<"x" | "w" | "b", Both<Tensor>>,
  grid: AffineGrid,
): Promise<Float32Array> {
  const sizes = (tensor: Tensor) =>
    oracle.upload(oracle.download(tensor).map(Math.abs), "F32", tensor.shape);
  using weight = await oracle.quantize(w.oracle, grid);
  using values = await oracle.dequantize(weight);
  using left = sizes(x.oracle);
  using right = sizes(values);
  using bias = sizes(b.oracle);
  using result = await oracle.linear(left, right, { bias });
  return oracle.download(result);
}

/** Values that differ by at most `part` of a size of their own each. */
function assertWithin(
  { tested, oracle }: Both<Float32Array>,
  sizes: Float32Array,
  part: number,
  label: string,
): void {
  assert.equal(tested.length, oracle.length, `${label}: number of values`);
  for (let i = 0; i < oracle.length; i++) {
    const difference = Math.abs(tested[i]! - oracle[i]!);
    assert.ok(
      difference <= part * sizes[i]!,
      `${label}: [${i}] is ${tested[i]} instead of ${oracle[i]}, of terms of ${sizes[i]}`,
    );
  }
}
