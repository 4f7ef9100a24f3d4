import assert from "node:assert/strict";
import { relativeError } from "../../bench/check_result.ts";
import { roundInt4 } from "../../bench/peers/int4_blocks.ts";
import { Q4_0_BYTES, toQ4_0 } from "../../bench/peers/q4_0.ts";
import { seededNormal } from "../../bench/seeded.ts";
import { ringPieces } from "../../bench/shaped_model.ts";

Deno.test("Q4_0: the value of largest magnitude is kept, the nibbles are halves of a block", () => {
  const values = new Float32Array(32);
  values[0] = -8;
  values[1] = 7;
  values[17] = 3;
  const bytes = toQ4_0(values);
  assert.equal(bytes.length, Q4_0_BYTES);
  assert.equal(new DataView(bytes.buffer).getFloat16(0, true), 1);
  // Low half: value j, high half: value j + 16; 8 stands for 0.
  assert.deepEqual([...bytes.subarray(2, 5)], [0x80, 0xbf, 0x88]);
});

Deno.test("roundInt4: no value is further from its own than half a step", () => {
  const w = seededNormal(4 * 256, 3);
  const { scales, rows, codes, zeros } = roundInt4(w, 4, 256, 128, 4);
  assert.equal(codes.length, 4 * 128);
  assert.equal(zeros.length, 4);
  for (const [i, value] of w.entries()) {
    assert.ok(Math.abs(value - rows[i]!) <= scales[Math.floor(i / 128)]! * 1.01, `${i}`);
  }
});

Deno.test("relativeError: 0 for the product, more for another, NaN for a wrong size", () => {
  const work = { kind: "product", stored: "fp32", T: 1, N: 2, K: 2 } as const;
  const x = Float32Array.of(1, 2);
  const w = Float32Array.of(1, 1, 3, -1);
  assert.equal(relativeError(work, x, Float32Array.of(3, 1), w), 0);
  assert.ok(relativeError(work, x, Float32Array.of(3, 2), w) > 0.3);
  assert.ok(Number.isNaN(relativeError(work, x, Float32Array.of(3), w)));
  const gram = { kind: "gram", T: 1, K: 2 } as const;
  assert.equal(relativeError(gram, x, Float32Array.of(1, 2, 2, 4), w), 0);
});

Deno.test("ringPieces: goes on at the start of the pool", () => {
  const pool = Uint8Array.of(0, 1, 2, 3, 4);
  const got = [...ringPieces(pool, 3, 9, 4)].flatMap((piece) => [...piece]);
  assert.deepEqual(got, [3, 4, 0, 1, 2, 3, 4, 0, 1]);
});
