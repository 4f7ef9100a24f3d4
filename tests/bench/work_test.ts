import assert from "node:assert/strict";
import { COMPARED, shrink } from "../../bench/shapes.ts";
import { copiesOf, costOf, nameOf, workOf } from "../../bench/work.ts";

Deno.test("a work is found again by its name", () => {
  for (const work of Object.values(COMPARED).flat()) {
    assert.deepEqual(workOf(nameOf(work)), work);
  }
  assert.equal(workOf("rtn, a block"), undefined);
  assert.equal(workOf("int4 1 x 2"), undefined);
});

Deno.test("names are unique, also of the shrunken works", () => {
  for (const change of [shrink, (work: Parameters<typeof shrink>[0]) => work]) {
    for (const works of Object.values(COMPARED)) {
      const names = works.map((work) => nameOf(change(work)));
      assert.equal(new Set(names).size, names.length, names.join(", "));
    }
  }
});

Deno.test("bytes and operations of a product and of a Gram matrix", () => {
  const product = { kind: "product", stored: "fp32", T: 2, N: 3, K: 5 } as const;
  assert.deepEqual(costOf(product), { bytes: 4 * 15 + 4 * 2 * 8, flops: 60 });
  assert.deepEqual(costOf({ kind: "gram", T: 2, K: 3 }), { bytes: 4 * 6 + 8 * 9, flops: 24 });
});

Deno.test("the copies of a weight for one token are more than the cache", () => {
  for (const work of COMPARED["vectors"] ?? []) {
    assert.ok(copiesOf(work) * costOf(work).bytes >= 160 * 2 ** 20);
  }
  assert.equal(copiesOf({ kind: "int4", T: 512, N: 8, K: 128 }), 1);
});
