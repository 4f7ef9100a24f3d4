import assert from "node:assert/strict";
import fc from "fast-check";
import { parseJson } from "../../../core/checkpoint/parse_json.ts";
import { SalientError } from "../../../core/errors.ts";
import { refused } from "./checkpoint_files.ts";

const source = { file: "x.json" };

Deno.test("parseJson() gives what JSON.parse gives, for every value", () => {
  fc.assert(fc.property(fc.json({ maxDepth: 6 }), (text) => {
    assert.deepEqual(parseJson(text, source), JSON.parse(text));
  }));
});

Deno.test("parseJson() throws nothing but a SalientError, whatever the text", () => {
  const piece = fc.constantFrom("{", "}", "[", "]", '"', "\\", ",", ":", "1", "a", " ", "null");
  fc.assert(
    fc.property(fc.array(piece).map((pieces) => pieces.join("")), (text) => {
      try {
        parseJson(text, source);
      } catch (error) {
        assert.ok(error instanceof SalientError);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseJson() allows the depth it is given and no more", async () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.ok(parseJson(nested(64), source));
  await refused(() => parseJson(nested(65), source), /^x\.json nests .* more than 64 deep/);
  await refused(() => parseJson('{"a":[{"b":1}]}', { ...source, depth: 2 }), /more than 2 deep/);
  // Would overflow the stack of a recursive reader.
  await refused(() => parseJson("[".repeat(5_000_000), source), /more than 64 deep/);
});

Deno.test("parseJson() does not count brackets inside strings", () => {
  assert.deepEqual(parseJson('{"a":"[[[{{{\\"[["}', { ...source, depth: 1 }), { a: '[[[{{{"[[' });
});

Deno.test("parseJson() refuses a key that occurs twice in one object", async () => {
  await refused(() => parseJson('{"a":1,"b":2,"a":3}', source), /has the key a twice/);
  await refused(() => parseJson('{"x":{"a":1,"\\u0061":3}}', source), /has the key a twice/);
  assert.deepEqual(parseJson('[{"a":1},{"a":{"a":"a"}}]', source), [{ a: 1 }, { a: { a: "a" } }]);
});

Deno.test("parseJson() refuses what is not JSON and names its source", async () => {
  for (const text of ["", "{", '{"a', '{"a\\x":1}', "{'a':1}", "[1,]", "NaN", "1 2"]) {
    const error = await refused(() => parseJson(text, source), /^x\.json is not valid JSON/);
    assert.equal(error.file, "x.json");
  }
  await refused(
    () => parseJson("{", { ...source, label: "The header of y" }),
    /^The header of y is/,
  );
});
