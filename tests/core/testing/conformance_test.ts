import assert from "node:assert/strict";
import { SalientError } from "../../../core/errors.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { conformance } from "../../../core/testing/mod.ts";
import { testBackends } from "../../test_backends.ts";
import { folding, nearest } from "../pipeline/pipeline_fixtures.ts";
import { turning } from "../rotation/rotation_fixtures.ts";

const { create } = testBackends().at(-1)!;
const GRAM = { absMean: true, gram: true };

/** Cases that a plugin does not pass, with what they say; of all, or of the one named. */
async function failures(
  make: () => Plugin,
  refused: readonly (() => Plugin)[] = [],
  only?: string,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, run } of conformance(make, { backend: create, refused })) {
    if (only !== undefined && name !== only) continue;
    try {
      await run();
    } catch (error) {
      assert.ok(error instanceof SalientError, `${name}: ${error}`);
      found[name] = error.message;
    }
  }
  return found;
}

Deno.test("conformance() passes plugins that fold and rotate as they should", async () => {
  assert.deepEqual(await failures(() => folding(GRAM)), {});
  assert.deepEqual(await failures(() => ({ ...nearest(), ...turning() })), {});
});

Deno.test("conformance() finds each way to be wrong", async () => {
  let runs = 0;
  const cases: Record<string, [() => Plugin, RegExp, string]> = {
    "spoils the block": [
      () =>
        nearest({}, {
          async transformBlock(block, ctx) {
            const { weight } = block.linears[0]!;
            using zeros = ctx.ops.zeros(weight.dtype, weight.shape);
            // A view of a file cannot be written, so it is folded first.
            const [set] = block.scaleSets;
            await block.foldScales(set!, new Float32Array(set!.channels).fill(2));
            using wide = await ctx.ops.cast(zeros, "F32");
            await ctx.ops.copyRows(wide, block.linears[0]!.weight, 0);
          },
        }),
      /The block computes something else after transformBlock/,
      "keeps what the model computes",
    ],
    "is random": [
      () =>
        nearest({}, {
          async quantizeLinear(linear, ctx) {
            const s = new Float32Array(linear.shape[1]).fill(1 + 0.1 * Math.random());
            using scaled = await ctx.ops.scaleColumns(linear.weight, s);
            const grid = ctx.grid.resolve({ groupSize: 16 }, linear);
            return { weight: await ctx.ops.quantize(scaled, grid) };
          },
        }),
      /A second run quantized .* differently: use ctx.random/,
      "gives the same twice",
    ],
    "forgets tensors": [
      () => nearest({}, { setup: (ctx) => void kept.push(ctx.ops.zeros("F32", [7])) }),
      /28 bytes of tensors are left behind: declare them with using/,
      "leaves no tensor behind",
    ],
    "keeps state": [
      () => nearest({ bits: 3 + runs++ % 2 }),
      /differently/,
      "gives the same twice",
    ],
    "works on after an interruption": [
      () =>
        nearest({}, {
          async transformBlock(_, ctx) {
            while (true) {
              try {
                using _ = ctx.ops.zeros("F32", [1]);
                await new Promise((resolve) => setTimeout(resolve, 0));
                if (!ctx.signal.aborted) return;
              } catch {
                await new Promise((resolve) => setTimeout(resolve, 3000));
                return;
              }
            }
          },
        }),
      /still ran 2000 ms later/,
      "stops when it is interrupted",
    ],
  };
  const kept: unknown[] = [];
  for (const [what, [make, text, name]] of Object.entries(cases)) {
    const found = await failures(make, [], name);
    assert.match(found[name] ?? "passed", text, what);
  }
  await new Promise((resolve) => setTimeout(resolve, 1500)); // the last one works on
});

Deno.test("conformance() wants wrong options refused before any work", async () => {
  const found = await failures(nearest, [() => nearest({ groupSize: 16 })]);
  assert.deepEqual(Object.keys(found), ["refuses wrong options"]);
  assert.match(
    found["refuses wrong options"]!,
    /^Wrong options number 1 must be refused before any work, but nothing was thrown/,
  );
});
