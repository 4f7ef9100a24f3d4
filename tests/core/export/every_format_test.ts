import assert from "node:assert/strict";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { exportFormats } from "../../../core/export/formats.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantize } from "../../../core/pipeline/quantize.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { rtn } from "../../../plugins/rtn/mod.ts";
import golden from "../../golden/tiny_logits.json" with { type: "json" };
import { testBackends } from "../../test_backends.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";

const MODEL = "models/salient-tiny";
const ids = Int32Array.from(golden.salientTiny.ids.split(" ").map(Number));
const options = { seqLen: golden.salientTiny.seqLen };

/** Grids that a format is for, beside the usual one. */
const GRIDS: Record<string, readonly { bits: number; groupSize: number; symmetric?: boolean }[]> = {
  "awq-gemm": [{ bits: 3, groupSize: 64 }],
  "awq-gemv": [{ bits: 4, groupSize: 128 }],
  "gptq": [{ bits: 8, groupSize: 128, symmetric: true }],
  "gptq-v2": [{ bits: 2, groupSize: 32 }, { bits: 3, groupSize: 32 }],
  "pack-quantized": [{ bits: 4, groupSize: -1, symmetric: true }, { bits: 5, groupSize: 64 }],
};

const fastest = testBackends().at(-1)!;

for (const [name, format] of exportFormats) {
  if (!(name in GRIDS)) continue;
  const usual = { bits: 4, groupSize: 32, symmetric: name === "gptq" };
  for (const grid of [usual, ...GRIDS[name]!]) {
    const shown = `${grid.bits} bits in groups of ${grid.groupSize}`;
    Deno.test(`${name}, ${shown}: a written model measures what it did in memory`, async () => {
      await using folder = await temporaryDirectory();
      using backend = await fastest.create();
      using model = await openModel(MODEL, backend);
      const run = { model, backend, plugins: [rtn(grid)] };
      using kept = (await quantizeInMemory(run)).model;
      const expected = await perplexity(kept, ids, options);
      await quantize({ ...run, format, out: `${folder.path}/out` });
      using written = await openModel(`${folder.path}/out`, backend);
      assert.equal(written.quantization?.format, name);
      assert.equal(written.quantization.bits, grid.bits);
      const { perplexity: found } = await perplexity(written, ids, options);
      assert.equal(found, expected.perplexity);
    });
  }
}
