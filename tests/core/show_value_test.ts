import assert from "node:assert/strict";
import { SalientError } from "../../core/errors.ts";
import { checkRules } from "../../core/rules/check_rules.ts";
import { showValue } from "../../core/show_value.ts";

Deno.test("showValue() shows whatever a file holds, on one line", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const shown: [unknown, string][] = [
    [9, "9"],
    [NaN, "NaN"],
    [null, "null"],
    [undefined, "undefined"],
    ["a\nb", "a\\u{a}b"],
    [{ toString: 1 }, '{"toString":1}'],
    [[1, [2]], "[1,[2]]"],
    [circle, "a list"],
  ];
  for (const [value, text] of shown) assert.equal(showValue(value), text);
  assert.ok(showValue("x".repeat(5000)).length < 200);
});

Deno.test("rules with values of any kind are refused in a short line", () => {
  for (const value of ["\0", "x".repeat(5000), { toString: 1 }, [[[]]], null]) {
    for (const field of ["bits", "groupSize", "symmetric", "skip"]) {
      const rules = [{ match: "*", [field]: value }];
      assert.throws(() => checkRules(rules), (error) => {
        assert.ok(error instanceof SalientError && error.code === "usage");
        assert.match(error.message, /must be [^\p{Cc}]{1,200}$/u);
        return true;
      });
    }
  }
});
