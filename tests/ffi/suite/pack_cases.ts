/**
 * Packing of 4-bit integers.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertSame } from "./compare.ts";

const AWQ = [0, 2, 4, 6, 1, 3, 5, 7];
const NATURAL = [0, 1, 2, 3, 4, 5, 6, 7];

/** Registers the cases. */
export function packCases(register: RegisterCase): void {
  register("packInt4 gives the published words", async ({ tested }) => {
    const codes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    for (
      const [along, order, shape, word] of [
        ["out", AWQ, [8, 1], 0x75316420],
        ["in", NATURAL, [1, 8], 0x76543210],
        ["out", NATURAL, [8, 1], 0x76543210],
      ] as const
    ) {
      using tensor = tested.upload(codes, "U8", shape);
      using words = await tested.packInt4(tensor, { along, order });
      assert.deepEqual([words.dtype, [...words.shape]], ["I32", [1, 1]]);
      assert.equal(new Uint32Array(tested.downloadBytes(words).buffer)[0], word);
    }
  });

  register("packInt4 and unpackInt4", async (pair) => {
    for (const [N, K] of [[8, 8], [16, 24], [40, 72], [136, 8], [8, 136]] as const) {
      const codes = pair.put(pair.normal(N * K).map(() => pair.whole(0, 15)), "U8", [N, K]);
      for (const along of ["out", "in"] as const) {
        for (const order of [AWQ, NATURAL, [7, 0, 6, 1, 5, 2, 4, 3]]) {
          const words = await pair.run((backend, use) =>
            backend.packInt4(use(codes), { along, order })
          );
          assert.deepEqual([...words.tested.shape], along === "out" ? [K, N / 8] : [N, K / 8]);
          const bytes = await pair.run((backend, use) => backend.downloadBytes(use(words)));
          assertSame(bytes, `${along} [${N}, ${K}]`);
          const back = await pair.run((backend, use) =>
            backend.unpackInt4(use(words), { along, order })
          );
          assert.deepEqual(pair.values(back).tested, pair.values(codes).oracle);
        }
      }
    }
  });
}
