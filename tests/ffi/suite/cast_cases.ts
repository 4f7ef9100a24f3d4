/**
 * Conversions between element types.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertSame } from "./compare.ts";

/** Registers the cases. */
export function castCases(register: RegisterCase): void {
  register("every 16-bit and 8-bit float becomes the same fp32", (pair) => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
    for (
      const [dtype, data] of [
        ["F16", patterns],
        ["BF16", patterns],
        ["F8_E4M3", Uint8Array.from({ length: 256 }, (_, i) => i)],
      ] as const
    ) {
      const tensor = pair.keep({
        tested: pair.tested.upload(data, dtype, [data.length]),
        oracle: pair.oracle.upload(data, dtype, [data.length]),
      });
      assertSame(pair.values(tensor), dtype);
    }
  });

  register("fp32 is rounded half to even to 16 bits", async (pair) => {
    // Random bit patterns reach every exponent; the rest lie on, or next to, ties.
    const bits = Uint32Array.from({ length: 4099 }, () => pair.whole(0, 2 ** 32 - 1));
    const ties = [0x3f808000, 0x3f818000, 0x3f808001, 0x3f801000, 0x3f803000, 0x3f801001];
    const edges = [0x7f800000, 0xff800000, 0x7f7fffff, 0x477fefff, 0x477ff000, 0x33000000];
    const small = [0x33000001, 0x80000001, 0x387fffff, 0x80000000, 0x00000000, 0x33c00000];
    const all = Uint32Array.of(...bits, ...ties, ...edges, ...small);
    const values = new Float32Array(all.buffer);
    const source = pair.put(values, "F32", [values.length]);
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      const result = await pair.run((backend, use) => backend.cast(use(source), dtype));
      assert.equal(result.tested.dtype, dtype);
      assertSame(pair.values(result), dtype);
    }
  });

  register("NaN stays NaN in every conversion", async ({ tested }) => {
    const bits = Uint32Array.of(0x7fc00000, 0x7f800001, 0xffffffff, 0x7fffffff);
    using source = tested.upload(bits, "F32", [4]);
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      using result = await tested.cast(source, dtype);
      assert.ok(tested.download(result).every(Number.isNaN), dtype);
    }
  });

  register("every float type converts to every 16-bit and 32-bit one", async (pair) => {
    for (const from of ["F64", "F32", "F16", "BF16", "F8_E4M3"] as const) {
      const source = pair.random(from, [7, 19]);
      for (const to of ["F32", "F16", "BF16"] as const) {
        const result = await pair.run((backend, use) => backend.cast(use(source), to));
        assert.deepEqual([...result.tested.shape], [7, 19]);
        assertSame(pair.values(result), `${from} to ${to}`);
      }
    }
  });

  register("embed takes rows of any float type", async (pair) => {
    for (const dtype of ["F64", "F32", "F16", "BF16", "F8_E4M3"] as const) {
      const table = pair.random(dtype, [11, 13]);
      const ids = Int32Array.of(0, 10, 3, 3, 7);
      const result = await pair.run((backend, use) => backend.embed(use(table), ids));
      assert.deepEqual([result.tested.dtype, [...result.tested.shape]], ["F32", [5, 13]]);
      assertSame(pair.values(result), dtype);
    }
  });
}
