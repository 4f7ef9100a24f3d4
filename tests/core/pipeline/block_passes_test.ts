import assert from "node:assert/strict";
import type { Model } from "../../../core/model/model.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { testBackends } from "../../test_backends.ts";
import {
  folding,
  GROUPED,
  nearest,
  relativeDifference,
  tinyCalibration,
  Workshop,
} from "./pipeline_fixtures.ts";

const CALIBRATION = tinyCalibration();

/** Rounds coarsely and remembers the Gram matrices that it is shown. */
function witness(flags: Partial<Plugin>, grams: Map<string, Float32Array>): Plugin {
  const { quantizeLinear, ...rest } = nearest({ bits: 2 }, { name: "witness", ...flags });
  return {
    ...rest,
    observe: () => ({ gram: true, absMean: true }),
    async quantizeLinear(linear, ctx) {
      const { gram, tokens, absMean } = linear.statistics;
      assert.equal(tokens, 60);
      assert.ok(absMean?.every((value) => value > 0));
      grams.set(linear.name, ctx.ops.download(gram!));
      if (linear.role === "k") return undefined; // stays plain
      return await quantizeLinear!(linear, ctx);
    },
  };
}

/**
 * The Gram matrices of a block's sites when the windows have come through the blocks of one model and are seen in
 * those of another.
 */
async function expectedGrams(through: Model, seen: Model): Promise<Map<string, Float32Array>> {
  const ops = seen.backend;
  const grams = new Map<string, Float32Array>();
  let hidden = await through.embed(CALIBRATION.ids);
  for (let index = 0; index < seen.config.blocks; index++) {
    using input = hidden;
    using block = await seen.loadBlock(index);
    const options = { sequences: CALIBRATION.samples };
    using _ = await block.run(input, {
      ...options,
      observe: async (site, rows) => {
        const width = rows.shape[1] ?? 0;
        using gram = ops.zeros("F32", [width, width]);
        await ops.accumulateGram(rows, gram);
        for (const { info } of block.linears.values()) {
          if (info.site === site) grams.set(info.name, ops.download(gram));
        }
      },
    });
    using next = await through.loadBlock(index);
    hidden = await next.run(input, options);
  }
  hidden[Symbol.dispose]();
  return grams;
}

for (const { name, create } of testBackends()) {
  for (const sequential of [false, true]) {
    for (const propagate of [false, true]) {
      const label = `sequential ${sequential}, propagate ${propagate} (${name})`;
      Deno.test(`linears are shown the inputs that were asked for: ${label}`, async () => {
        using backend = await create();
        await using workshop = await Workshop.create(GROUPED, { dtype: "F32" });
        using original = await workshop.open(backend);
        const seen = new Map<string, Float32Array>();
        const { model } = await quantizeInMemory({
          model: original,
          backend,
          plugins: [witness({ sequential, propagate }, seen)],
          calibration: CALIBRATION,
        });
        using quantized = model;
        const wanted = await expectedGrams(
          propagate ? quantized : original,
          sequential ? quantized : original,
        );
        const other = await expectedGrams(
          propagate ? original : quantized,
          sequential ? original : quantized,
        );
        assert.equal(seen.size, 14);
        for (const [linear, gram] of seen) {
          assert.ok(relativeDifference(wanted.get(linear)!, gram) < 1e-4, linear);
        }
        const last = "model.layers.1.mlp.down_proj";
        assert.ok(relativeDifference(other.get(last)!, seen.get(last)!) > 1e-3, "it can fail");
      });
    }
  }

  Deno.test(`inputs behind folded and quantized linears are shown (${name})`, async () => {
    using backend = await create();
    await using workshop = await Workshop.create(GROUPED, { dtype: "F32" });
    using original = await workshop.open(backend);
    const seen = new Map<string, Float32Array>();
    const { quantizeLinear: _, ...transforming } = folding({ absMean: true });
    const { model } = await quantizeInMemory({
      model: original,
      backend,
      plugins: [transforming, witness({ sequential: true, propagate: true }, seen)],
      calibration: CALIBRATION,
    });
    using quantized = model;
    const wanted = await expectedGrams(quantized, quantized);
    for (const [linear, gram] of seen) {
      // A weight that was folded and stays plain is stored rounded.
      assert.ok(relativeDifference(wanted.get(linear)!, gram) < 1e-3, linear);
    }
  });
}
