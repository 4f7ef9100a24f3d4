import assert from "node:assert/strict";
import { checkRules } from "../../../core/rules/check_rules.ts";
import { loadRules } from "../../../core/rules/load_rules.ts";
import { parseRules } from "../../../core/rules/parse_rules.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";

Deno.test("checkRules() takes what a rule may say", () => {
  const rules = [
    { match: "*.down_proj", bits: 8 },
    { match: "q", groupSize: -1, symmetric: true },
    { match: "lm_head", skip: true },
    { match: "*", skip: false },
  ];
  assert.deepEqual(checkRules(rules), rules);
  assert.deepEqual(checkRules([]), []);
  const [rule] = checkRules([{ match: "q", bits: 3, groupSize: undefined }]);
  assert.deepEqual(rule, { match: "q", bits: 3 });
});

Deno.test("checkRules() refuses what no rule may say, by number", async () => {
  const good = { match: "q", bits: 4 };
  const cases: [unknown, RegExp][] = [
    [{}, /^Rules must be a list/],
    ["*.down_proj", /^Rules must be a list/],
    [[good, 8], /^Rule 2 must be an object/],
    [[null], /^Rule 1 must be an object/],
    [[[good]], /^Rule 1 must be an object/],
    [[{ match: "q", bit: 8 }], /^Rule 1 has the unknown field bit: use match, bits, groupSize/],
    [[good, { bits: 8 }], /^Rule 2 has no match/],
    [[{ match: " ", bits: 8 }], /^Rule 1 has no match/],
    [[{ match: "q".repeat(1001), bits: 8 }], /^The match of Rule 1 has more than 1000/],
    [[{ match: 3, bits: 8 }], /^Rule 1 has no match/],
    [[{ match: "q" }], /^Rule 1 \(q\) says nothing/],
    [[{ match: "q", skip: true, bits: 8 }], /^Rule 1 \(q\) skips what it gives a grid/],
    [[{ match: "q", skip: 1 }], /^In Rule 1 \(q\) skip must be true or false but is 1/],
    [
      [{ match: "q", bits: 1 }],
      /^In Rule 1 \(q\) bits must be a whole number from 2 to 8 but is 1/,
    ],
    [[{ match: "q", bits: 9 }], /from 2 to 8 but is 9/],
    [[{ match: "q", bits: 3.5 }], /from 2 to 8 but is 3.5/],
    [[{ match: "q", bits: "8" }], /from 2 to 8 but is 8/],
    [[{ match: "q", groupSize: 0 }], /^In Rule 1 \(q\) group size must be a positive whole number/],
    [[{ match: "q", symmetric: "yes" }], /symmetric must be true or false/],
  ];
  for (const [rules, text] of cases) await refused(() => checkRules(rules), text, "usage");
});

Deno.test("rules are read from JSON: a list, one rule, or an object that has them", async () => {
  const rule = { match: "*.down_proj", bits: 8 };
  for (const value of [[rule], rule, { rules: [rule] }, { rules: [rule], more: 1 }]) {
    assert.deepEqual(parseRules(JSON.stringify(value)), [rule]);
    assert.deepEqual(await loadRules(`  ${JSON.stringify(value)}`), [rule]);
  }
  await refused(() => parseRules("[{"), /^The text of the rules is not valid JSON/);
  await refused(() => parseRules(`[{"match":"q","bits":3,"bits":4}]`), /has the key bits twice/);
  await refused(() => parseRules("3"), /^Rules must be a list/, "usage");
  await refused(() => parseRules(`{"rules": 3}`), /^Rules must be a list/, "usage");
});

Deno.test("rules are read from a file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/rules.json`;
    await Deno.writeTextFile(path, `[{ "match": "o", "bits": 3 }]`);
    assert.deepEqual(await loadRules(path), [{ match: "o", bits: 3 }]);
    await refused(() => loadRules(`${folder}/none.json`), /none\.json/);
    await refused(() => loadRules(" "), /^No rules were given/, "usage");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
