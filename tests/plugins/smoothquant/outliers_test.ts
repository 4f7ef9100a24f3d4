import assert from "node:assert/strict";
import { loadCalibration } from "../../../core/calibration/load_calibration.ts";
import { readText } from "../../../core/calibration/read_text.ts";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { quantizeInMemory } from "../../../core/pipeline/quantize_in_memory.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import { smoothquant, type SmoothQuantOptions } from "../../../plugins/smoothquant/mod.ts";
import { awq } from "../../../plugins/awq/mod.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { testBackends } from "../../test_backends.ts";
import { temporaryDirectory } from "../../core/checkpoint/checkpoint_files.ts";
import { writeOutliers } from "./write_outliers.ts";

const MODEL = "models/salient-tiny";
const SEQ_LEN = 256;

Deno.test("smoothing repairs W8A8 where a few channels are outliers, and plain W8A8 fails there", async () => {
  await using folder = await temporaryDirectory();
  using backend = await testBackends().at(-1)!.create();
  const directory = `${folder.path}/outliers`;
  await writeOutliers(MODEL, directory, backend, { factor: 64, channels: [3, 77] });
  const tokenizer = await loadTokenizer(MODEL);
  const ids = tokenizer.encode((await readText("held-out")).text).subarray(0, 4 * SEQ_LEN);
  const calibration = await loadCalibration({
    source: "default",
    tokenizer,
    samples: 8,
    seqLen: SEQ_LEN,
  });
  using plain = await openModel(MODEL, backend);
  using model = await openModel(directory, backend);
  const { perplexity: original } = await perplexity(plain, ids, { seqLen: SEQ_LEN });
  const { perplexity: same } = await perplexity(model, ids, { seqLen: SEQ_LEN });
  assert.ok(Math.abs(same / original - 1) < 1e-5, `${same} is not ${original}`);

  async function measure(...plugins: Plugin[]): Promise<number> {
    using made = (await quantizeInMemory({ model, backend, plugins, calibration })).model;
    return (await perplexity(made, ids, { seqLen: SEQ_LEN })).perplexity / original - 1;
  }
  const w8a8 = (options: SmoothQuantOptions): Promise<number> => measure(smoothquant(options));
  for (const activations of ["dynamic", "static"] as const) {
    const rough = await w8a8({ activations, sets: [] });
    assert.ok(rough > 0.05, `without smoothing ${rough}, ${activations}`);
    const alpha = activations === "dynamic" ? 0.5 : "search";
    const smooth = await w8a8({ activations, alpha });
    assert.ok(smooth < 0.01, `alpha ${alpha}: ${smooth}, ${activations}`);
  }
  // The same for the activations of weights in 4 bits, which AWQ rounds.
  const a8 = { quantize: false, activations: "dynamic" } as const;
  const grid = { bits: 4, groupSize: 32, symmetric: true };
  const smoothed = await measure(smoothquant(a8), awq(grid));
  const rough = await measure(smoothquant({ ...a8, sets: [] }), awq(grid));
  assert.ok(smoothed < rough, `${smoothed} is not below ${rough}`);
});
