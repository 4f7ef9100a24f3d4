/**
 * Quantizes the embedded model from a script.
 *
 *     deno run --allow-read --allow-write --allow-ffi=ffi/native/prebuilt examples/quantize.ts
 *
 * @module
 */

import { loadCalibration, loadTokenizer, openBackend, openModel, quantize } from "@salient/quant";
import { awq } from "@salient/quant/plugins/awq";

using backend = await openBackend("auto");
using model = await openModel("models/salient-tiny", backend);
const tokenizer = await loadTokenizer("models/salient-tiny");
const calibration = await loadCalibration({
  source: "default",
  tokenizer,
  samples: 64,
  seqLen: 256,
});
const report = await quantize({
  model,
  backend,
  calibration,
  plugins: [awq({ bits: 4, groupSize: 32 })],
  out: Deno.args[0] ?? "out/salient-tiny-awq",
});

console.log(`${report.bytesBefore} bytes became ${report.bytesAfter} in ${report.out}`);
