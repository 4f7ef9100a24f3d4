/**
 * Prints the perplexities of quantized activations on the shared models: W8A8 with and without smoothing, as the models are
 * and with outlier channels, and AWQ at 4 bits with 8-bit activations.
 *
 *     deno run --allow-read --allow-write --allow-ffi tests_shared/plugins/print_activation_figures.ts [MODEL...]
 *
 * @module
 */

import type { Plugin } from "../../core/plugin.ts";
import { openBackend } from "../../ffi/open_backend.ts";
import { awq } from "../../plugins/awq/mod.ts";
import { smoothquant, type SmoothQuantOptions } from "../../plugins/smoothquant/mod.ts";
import { temporaryDirectory } from "../../tests/core/checkpoint/checkpoint_files.ts";
import { writeOutliers } from "../../tests/plugins/smoothquant/write_outliers.ts";
import { directoryOf, hasShared, Laboratory, SUBJECTS } from "./protocol.ts";

const PAPER = ["attention", "mlp"] as const;
const INT4 = { bits: 4, groupSize: 128 };

/** Ways to smooth, by what the table calls them. */
const SMOOTHINGS: Readonly<Record<string, SmoothQuantOptions>> = {
  "none": { sets: [] },
  "alpha 0.5, norms only": { sets: PAPER },
  "alpha 0.5": {},
  "alpha 0.65": { alpha: 0.65 },
  "alpha 0.8": { alpha: 0.8 },
  "alpha by search": { alpha: "search" },
};

type Row = readonly [weights: string, activations: string, smoothing: string, Plugin[]];

/** What is measured; less where outliers make the differences plain. */
function* rows(brief: boolean): Generator<Row> {
  const few = ["none", "alpha 0.5", "alpha by search"];
  yield ["8 bits", "none", "none", [smoothquant({ sets: [], activations: "none" })]];
  for (const activations of ["dynamic", "static"] as const) {
    for (const [name, options] of Object.entries(SMOOTHINGS)) {
      if (brief && !few.includes(name)) continue;
      yield ["8 bits", activations, name, [smoothquant({ ...options, activations })]];
    }
  }
  for (const symmetric of [false, true]) {
    const method = awq({ ...INT4, symmetric });
    const weights = `AWQ, 4 bits${symmetric ? ", symmetric" : ""}`;
    yield [weights, "none", "none", [method]];
    for (const activations of ["none", "dynamic"] as const) {
      for (const name of few.slice(0, 2)) {
        if (activations === name) continue;
        const options = { ...SMOOTHINGS[name], quantize: false, activations } as const;
        yield [weights, activations, name, [smoothquant(options), method]];
      }
    }
  }
}

using backend = await openBackend("auto");
await using folder = await temporaryDirectory();
console.log(`${backend.name}: ${backend.detail}\n`);
console.log(
  "| model | weights | activations | smoothing | perplexity | against original | seconds |",
);
console.log("| --- | --- | --- | --- | ---: | ---: | ---: |");
for (const subject of SUBJECTS) {
  if (!hasShared(subject)) continue;
  if (Deno.args.length > 0 && !Deno.args.includes(subject.model)) continue;
  const outliers = `${folder.path}/${subject.model}`;
  await writeOutliers(directoryOf(subject), outliers, backend, { factor: 64, channels: [3, 77] });
  for (
    const [name, directory] of [[subject.model, undefined], [
      `${subject.model} with outliers`,
      outliers,
    ]] as const
  ) {
    using laboratory = await Laboratory.open(subject, backend, directory);
    const original = await laboratory.original();
    console.log(`| ${name} | 16 bits | none | | ${original.toFixed(3)} | | |`);
    for (const [weights, activations, smoothing, plugins] of rows(directory !== undefined)) {
      const { perplexity, report } = await laboratory.measure(...plugins);
      const difference = `${((perplexity / original - 1) * 100).toFixed(2)} %`;
      const cells = [name, weights, activations, smoothing, perplexity.toFixed(3), difference];
      console.log(`| ${[...cells, report.seconds.toFixed(2)].join(" | ")} |`);
    }
  }
}
