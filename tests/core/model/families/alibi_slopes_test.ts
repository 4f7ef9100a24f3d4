import assert from "node:assert/strict";
import { alibiSlopes } from "../../../../core/model/families/alibi_slopes.ts";

Deno.test("alibiSlopes() are those of transformers' Bloom and MPT", () => {
  assert.deepEqual([...alibiSlopes(4)], [0.25, 0.0625, 0.015625, 0.00390625]);
  assert.deepEqual([...alibiSlopes(6)], [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]);
  // build_mpt_alibi_tensor(6, length, alibi_bias_max=16), and 12 heads, whose last slopes are no powers of two.
  assert.deepEqual(
    [...alibiSlopes(6, 16)],
    [0.0625, 0.00390625, 0.000244140625, 1.52587890625e-5, 0.25, 0.015625],
  );
  const twelve = [0.7071067690849304, 0.3535533845424652, 0.1767766922712326, 0.0883883461356163];
  assert.deepEqual([...alibiSlopes(12).slice(8)], twelve);
});
