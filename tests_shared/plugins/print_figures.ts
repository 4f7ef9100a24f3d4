/**
 * Prints the perplexities that AWQ's options give on the shared models, beside the published algorithm's.
 *
 *     deno run --allow-read --allow-write --allow-ffi tests_shared/plugins/print_figures.ts '{"objective":"module"}'
 *
 * Each argument is a JSON object of AWQ's options, or `rtn`.
 *
 * @module
 */

import { openBackend } from "../../ffi/open_backend.ts";
import { awq, type AwqOptions } from "../../plugins/awq/mod.ts";
import { rtn } from "../../plugins/rtn/mod.ts";
import { Laboratory, SUBJECTS } from "./protocol.ts";

using backend = await openBackend("auto");
const variants = Deno.args.length > 0 ? Deno.args : ["rtn", "{}", `{"objective":"module"}`];
console.log("| model | bits | group | variant | perplexity | published | difference | seconds |");
console.log("|---|---|---|---|---|---|---|---|");
for (const subject of SUBJECTS) {
  using laboratory = await Laboratory.open(subject, backend);
  for (const { bits, groupSize, ...published } of subject.rows) {
    for (const variant of variants) {
      const options: AwqOptions = variant === "rtn" ? {} : JSON.parse(variant);
      const plugin = variant === "rtn"
        ? rtn({ bits, groupSize })
        : awq({ bits, groupSize, ...options });
      const { perplexity, report } = await laboratory.measure(plugin);
      const target = variant === "rtn"
        ? published.rtn
        : options.clip === false
        ? published.awqWithoutClip
        : published.awq;
      const difference = `${((perplexity / target - 1) * 100).toFixed(2)} %`;
      const cells = [subject.model, bits, groupSize, variant, perplexity.toFixed(3), target];
      console.log(`| ${[...cells, difference, report.seconds.toFixed(1)].join(" | ")} |`);
    }
  }
}
