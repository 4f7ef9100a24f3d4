import assert from "node:assert/strict";
import { stringifyLike } from "../../../core/checkpoint/stringify_like.ts";

const ORIGINAL =
  `{"a": 1.0, "b": {"theta": 1e4, "list": [2.0, 3]}, "n": 12345678901234567890, "t": "1.0"}`;

Deno.test("stringifyLike() writes numbers as they were written, changed ones as they are", () => {
  const value = JSON.parse(ORIGINAL);
  const text = stringifyLike({ ...value, c: 1, d: { theta: 1 } }, ORIGINAL).replace(/\s+/g, "");
  assert.equal(
    text,
    `{"a":1.0,"b":{"theta":1e4,"list":[2.0,3]},"n":12345678901234567890,"t":"1.0","c":1,"d":{"theta":1}}`,
  );
  assert.equal(stringifyLike({ a: 2, b: [5] }, ORIGINAL).replace(/\s+/g, ""), `{"a":2,"b":[5]}`);
});

Deno.test("stringifyLike() takes no number from another kind of place", () => {
  assert.equal(
    stringifyLike([1, { x: 1 }, null, "1"], `{"0": 1.0}`).replace(/\s+/g, ""),
    `[1,{"x":1},null,"1"]`,
  );
  assert.equal(stringifyLike({ a: { b: 1 } }, `{"a": 1.0}`).replace(/\s+/g, ""), `{"a":{"b":1}}`);
  const proto = stringifyLike(JSON.parse(`{"__proto__": 1, "toString": 2}`), "{}");
  assert.equal(JSON.parse(proto).toString, 2);
});
