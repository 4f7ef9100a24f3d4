import assert from "node:assert/strict";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { openSynthetic } from "../../../core/testing/open_synthetic.ts";
import { awq, type AwqOptions } from "../../../plugins/awq/mod.ts";
import type { LinearReport } from "../../../core/plugin.ts";
import { testBackends } from "../../test_backends.ts";

const backend = testBackends().at(-1)!;

async function quantized(options: AwqOptions): Promise<readonly LinearReport[]> {
  await using synthetic = await openSynthetic(backend.create);
  const { model } = synthetic;
  const ids = Int32Array.from({ length: 256 }, (_, i) => i * 29 % 61);
  const calibration = { ids, samples: 4, seqLen: 64, tokens: 256, source: "made up", documents: 1 };
  const result = await quantizeInMemory({
    model,
    backend: synthetic.backend,
    plugins: [awq(options)],
    calibration,
  });
  result.model[Symbol.dispose]();
  return result.report.layers;
}

const VARIANTS: Record<string, AwqOptions> = {
  "by default": {},
  "with the published clip": { clip: { sweeps: 0 } },
  "without clip": { clip: false },
  "on a sample": { tokens: 60 },
  "with both weight terms": { duoScaling: "both", symmetric: true },
  "channel by channel": { search: "channel" },
  "by modules": { objective: "module" },
};

for (const [name, options] of Object.entries(VARIANTS)) {
  Deno.test(`awq() ${name} is not worse than rtn on the calibration inputs`, async () => {
    const layers = await quantized({ bits: 3, groupSize: 32, ...options });
    assert.equal(layers.length, 7);
    for (const { name, error, rtnError, clipped, scaleExponent, notes } of layers) {
      assert.ok(Number(notes.setLoss) <= Number(notes.identityLoss), name);
      assert.ok(scaleExponent !== null && scaleExponent >= 0 && scaleExponent <= 1, name);
      assert.equal(notes.kept === "identity", notes.setLoss === notes.identityLoss, name);
      const isClipped = options.clip !== false && !/[qk]_proj$/.test(name);
      assert.equal(clipped > 0, isClipped, `${name} ${clipped}`);
      // A set of one linear is judged by that linear alone.
      if (/(o|down)_proj$/.test(name)) {
        assert.ok(error <= rtnError * 1.001, `${name} ${error} ${rtnError}`);
      }
    }
  });
}
