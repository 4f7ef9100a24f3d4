import { salienceChart } from "../../../core/inspect/salience_chart.ts";
import type { KeptChannels, SalienceStudy } from "../../../core/inspect/study_salience.ts";
import assert from "node:assert/strict";

const CHOICES = ["activation", "weight", "random"] as const;

function study(): SalienceStudy {
  const kept = [0.001, 0.01].flatMap((share) =>
    CHOICES.map((choice, i): KeptChannels => {
      const perplexity = 30 - i - share;
      return {
        choice,
        share,
        kept: share,
        perplexity,
        range: [perplexity - 0.1, perplexity + 0.1],
      };
    })
  );
  const scaled = [1, 2, 4].map((factor) => {
    return { factor, changed: 0.1, growth: 1, errorRatio: 1 / factor, perplexity: 30 + factor };
  });
  return {
    ...{ bits: 3, groupSize: 128, symmetric: false, tokens: 4096, seqLen: 256 },
    ...{ original: 20, rounded: 31, kept, scaled, scaledShare: 0.01 },
  };
}

Deno.test({
  name: "a chart says what it shows, and is drawn without any permission",
  permissions: "none",
  async fn() {
    const rows = [{ title: "first <model>", study: study() }, { title: "second", study: study() }];
    const svg = await salienceChart(rows);
    assert.match(svg, /^<svg[^]*<\/svg>\s*$/);
    assert.ok(svg.includes("first &lt;model&gt;, 3 bits, groups of 128") && svg.includes("second"));
    const labels = ["kept, by activation", "kept, by weight", "kept, at random", "RTN", "original"];
    for (const label of [...labels, "salient channels scaled", "0.1 %", "1 %", "perplexity"]) {
      assert.ok(svg.includes(`>${label}<`), label);
    }
    assert.equal(svg.match(/aria-roledescription="point"/g)?.length, 2 * (6 + 3));
    assert.doesNotMatch(svg, /NaN|undefined/);
  },
});
