import assert from "node:assert/strict";
import type { RouterLayout } from "../../../core/model/layout.ts";
import { routeTokens, type RoutingOptions } from "../../../core/model/route_tokens.ts";

const SOFTMAX: RouterLayout = { scoring: "softmax", perToken: 2, normalize: true, scale: 1 };

/** Expert and weight of each choice of the only token, by expert. */
function chosen(
  logits: readonly number[],
  router: RouterLayout,
  options: RoutingOptions = {},
): [number, number][] {
  const { routes } = routeTokens(Float32Array.from(logits), logits.length, router, options);
  return routes.flatMap(({ weights }, expert): [number, number][] => {
    return weights.length === 0 ? [] : [[expert, weights[0] ?? NaN]];
  });
}

function close(actual: readonly [number, number][], expected: readonly [number, number][]): void {
  assert.deepEqual(actual.map(([expert]) => expert), expected.map(([expert]) => expert));
  actual.forEach(([, weight], i) => {
    assert.ok(Math.abs(weight - (expected[i]?.[1] ?? NaN)) < 1e-6, `${weight}`);
  });
}

const logit = (p: number): number => Math.log(p / (1 - p));

Deno.test("weights are shares of the softmax, made to add up to 1 or left", () => {
  const logits = [0.1, 0.4, 0.3, 0.2].map(Math.log);
  close(chosen(logits, SOFTMAX), [[1, 4 / 7], [2, 3 / 7]]);
  close(chosen(logits, { ...SOFTMAX, normalize: false, scale: 10 }), [[1, 4], [2, 3]]);
});

Deno.test("only experts of the best groups are chosen, by the best one or the best two", () => {
  const logits = [0.9, 0.1, 0.6, 0.65, 0.7, 0.2].map(logit);
  const router: RouterLayout = { ...SOFTMAX, scoring: "sigmoid", normalize: false };
  const max = { count: 3, perToken: 1, score: "max" } as const;
  close(chosen(logits, { ...router, groups: max }), [[0, 0.9], [1, 0.1]]);
  close(chosen(logits, { ...router, groups: { ...max, score: "top2" } }), [[2, 0.6], [3, 0.65]]);
});

Deno.test("the correction chooses and does not weigh", () => {
  const logits = [0.9, 0.5, 0.4].map(logit);
  const router: RouterLayout = { ...SOFTMAX, scoring: "sigmoid", normalize: true, scale: 2.5 };
  const correction = Float32Array.of(-1, 0, 0);
  close(chosen(logits, router, { correction }), [[1, 2.5 * 5 / 9], [2, 2.5 * 4 / 9]]);
  // Sigmoids that are all 0 have no shares.
  const nothing = chosen([-200, -200, -200], router);
  assert.ok(nothing.every(([, weight]) => weight === 0));
});

Deno.test("experts may be given, and equal ones go by their index", () => {
  assert.deepEqual(chosen([1, 1, 1, 1], SOFTMAX).map(([expert]) => expert), [0, 1]);
  const { routes, chosen: kept } = routeTokens(Float32Array.of(3, 2, 1, 3, 2, 1), 3, SOFTMAX, {
    chosen: [[2, 0], [1, 2]],
  });
  assert.deepEqual(kept, [[2, 0], [1, 2]]);
  assert.deepEqual(routes.map(({ rows }) => [...rows]), [[0], [1], [0, 1]]);
});
