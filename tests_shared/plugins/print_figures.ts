/**
 * Prints the perplexities that methods give on the shared models, beside those of the published algorithms, and the
 * time that quantizing takes.
 *
 *     deno run --allow-read --allow-write --allow-ffi tests_shared/plugins/print_figures.ts
 *     ... print_figures.ts 'gptq' 'gptq{"damping":0.05}' 'awq{"objective":"module"}' 'awq+gptq'
 *
 * Each argument is a method, or several joined by `+` of which only the last one rounds; options are JSON behind the
 * name.
 *
 * @module
 */

import type { Plugin } from "../../core/plugin.ts";
import { openBackend } from "../../ffi/open_backend.ts";
import { awq } from "../../plugins/awq/mod.ts";
import { gptq } from "../../plugins/gptq/mod.ts";
import { rtn } from "../../plugins/rtn/mod.ts";
import { type Figures, hasShared, Laboratory, SUBJECTS } from "./protocol.ts";

const METHODS: Readonly<Record<string, (options: object) => Plugin>> = { rtn, awq, gptq };

function chainOf(variant: string, grid: object): Plugin[] {
  const parts = variant.split(/\+(?![^{]*\})/);
  return parts.map((part, i) => {
    const [, name = "", options = "{}"] = /^([a-z]+)(\{.*\})?$/.exec(part) ?? [];
    const make = METHODS[name];
    if (make === undefined) throw new Error(`No method ${part}: use ${Object.keys(METHODS)}`);
    const passes = i < parts.length - 1 ? { quantize: false } : {};
    return make({ ...grid, ...passes, ...JSON.parse(options) });
  });
}

/** The published figure of a method, where there is one. */
function publishedOf(variant: string, figures: Figures): number | undefined {
  if (variant.startsWith("awq") && variant.includes(`"clip":false`)) return figures.awqWithoutClip;
  const [name = ""] = /^[a-z]+/.exec(variant) ?? [];
  if (variant.includes("+")) return undefined;
  return name === "rtn" || name === "awq" || name === "gptq" ? figures[name] : undefined;
}

using backend = await openBackend("auto");
const variants = Deno.args.length > 0 ? Deno.args : ["rtn", "awq", "gptq", "awq+gptq"];
console.log(`${backend.name}: ${backend.detail}\n`);
console.log("| model | bits | group | method | perplexity | published | difference | seconds |");
console.log("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |");
for (const subject of SUBJECTS) {
  if (!hasShared(subject)) continue;
  using laboratory = await Laboratory.open(subject, backend);
  for (const { bits, groupSize, ...published } of subject.rows) {
    for (const variant of variants) {
      const plugins = chainOf(variant, { bits, groupSize });
      const { perplexity, report } = await laboratory.measure(...plugins);
      const target = publishedOf(variant, { bits, groupSize, ...published });
      const difference = target === undefined
        ? ""
        : `${((perplexity / target - 1) * 100).toFixed(2)} %`;
      const cells = [subject.model, bits, groupSize, variant, perplexity.toFixed(3), target ?? ""];
      console.log(`| ${[...cells, difference, report.seconds.toFixed(2)].join(" | ")} |`);
    }
  }
}
