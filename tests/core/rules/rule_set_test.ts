import assert from "node:assert/strict";
import type { LinearInfo } from "../../../core/plugin.ts";
import { RuleSet } from "../../../core/rules/rule_set.ts";

const ROLES = { q: "self_attn.q_proj", k: "self_attn.k_proj", down: "mlp.down_proj" };
const OUTSIDE = ["lm_head", "model.embed_tokens"];

/** Three linears of each of 12 blocks. */
const LINEARS: readonly LinearInfo[] = Array.from({ length: 12 }, (_, block) => {
  return Object.entries(ROLES).map(([role, path]): LinearInfo => ({
    name: `model.layers.${block}.${path}`,
    block,
    role,
    shape: [8, 32],
    dtype: "F32",
    site: role,
  }));
}).flat();

/** Names that a pattern names. */
function named(match: string): string[] {
  const rules = new RuleSet([{ match, bits: 8 }], LINEARS);
  const names = LINEARS.map(({ name }) => name).filter((name) => rules.of(name) !== undefined);
  assert.equal(rules.reports[0]?.linears, names.length);
  return names;
}

Deno.test("a rule names linears by a glob on the full name, or by role", () => {
  assert.equal(named("*").length, 36);
  assert.equal(named("*.down_proj").length, 12);
  assert.equal(named("down").length, 12);
  assert.deepEqual(named("*.{q,k}_proj").length, 24);
  assert.deepEqual(named("model.layers.1.*"), LINEARS.slice(3, 6).map(({ name }) => name));
  assert.deepEqual(named("model.layers.{0,11}.mlp.*"), [
    "model.layers.0.mlp.down_proj",
    "model.layers.11.mlp.down_proj",
  ]);
  assert.equal(named("model.layers.{0..3}.*").length, 12);
  assert.equal(named("model.layers.[0-3].*").length, 12);
  assert.equal(named("!*.down_proj").length, 24);
  assert.deepEqual(named("model.layers.0.self_attn.q_proj"), ["model.layers.0.self_attn.q_proj"]);
  for (
    const match of [
      "q_proj",
      "*.q",
      "MODEL.*",
      "model",
      "d*wn",
      "#",
      "model/layers",
      "{",
      "*(",
      "*.{3..x}.*",
    ]
  ) {
    assert.deepEqual(named(match), [], match);
  }
});

Deno.test("later rules win, field by field, and a grid takes a skipped linear in again", () => {
  const rules = new RuleSet([
    { match: "*", bits: 3, groupSize: 32 },
    { match: "down", bits: 8 },
    { match: "model.layers.0.*", skip: true },
    { match: "model.layers.0.mlp.*", symmetric: true },
    { match: "q", skip: true },
    { match: "model.layers.5.self_attn.q_proj", skip: false },
  ], LINEARS);
  const of = (block: number, role: keyof typeof ROLES) => {
    const { skip, grid } = rules.of(`model.layers.${block}.${ROLES[role]}`) ?? assert.fail();
    return { skip, ...grid };
  };
  assert.deepEqual(of(1, "k"), { skip: false, bits: 3, groupSize: 32 });
  assert.deepEqual(of(1, "down"), { skip: false, bits: 8, groupSize: 32 });
  assert.equal(of(0, "k").skip, true);
  assert.deepEqual(of(0, "down"), { skip: false, bits: 8, groupSize: 32, symmetric: true });
  assert.equal(of(1, "q").skip, true);
  assert.equal(of(5, "q").skip, false);
  assert.deepEqual(rules.reports.map(({ linears }) => linears), [36, 12, 3, 1, 12, 1]);
});

Deno.test("a rule that names nothing is told of, with what may have been meant", () => {
  const warnings = (match: string, skip = false): string[] =>
    new RuleSet([skip ? { match, skip } : { match, bits: 8 }], LINEARS, OUTSIDE).warnings();
  assert.deepEqual(warnings("down"), []);
  assert.deepEqual(warnings("*.dwn_proj"), [
    "Rule 1 (*.dwn_proj) names no linear: did you mean *.down_proj?",
  ]);
  assert.deepEqual(warnings("down_proj"), [
    "Rule 1 (down_proj) names no linear: did you mean *.down_proj?",
  ]);
  assert.deepEqual(warnings("*.experts.*"), [
    "Rule 1 (*.experts.*) names no linear: names look like model.layers.0.self_attn.q_proj",
  ]);
  assert.deepEqual(warnings("lm_head", true), []);
  assert.deepEqual(warnings("*embed*", true), []);
  assert.deepEqual(warnings("lm_head"), [
    "Rule 1 (lm_head) names only lm_head, which stays as it is",
  ]);
});
