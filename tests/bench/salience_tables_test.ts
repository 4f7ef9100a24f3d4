import { salienceTables, type StudiedModel } from "../../bench/salience_tables.ts";
import assert from "node:assert/strict";

Deno.test("a study's tables have a row for each share and factor", () => {
  const kept = { share: 0.01, kept: 0.0085, perplexity: 24, range: [24, 24] as const };
  const studied: StudiedModel = {
    ...{ name: "tiny", calibration: "64 tokens of default", text: "held-out", seconds: 3.2 },
    study: {
      ...{ bits: 3, groupSize: -1, symmetric: false, tokens: 4096, seqLen: 256 },
      ...{ original: 20, rounded: 30, scaledShare: 0.01 },
      kept: [
        { ...kept, choice: "activation" },
        { ...kept, choice: "random", perplexity: 29, range: [28.5, 29.5] },
      ],
      scaled: [{ factor: 2, changed: 0.096, growth: 1.02, errorRatio: 0.51, perplexity: 25.5 }],
    },
  };
  const lines = salienceTables([studied]).split("\n").map((line) => line.replace(/ +/g, " "));
  assert.ok(lines.includes(
    "| tiny | 3, row | 20.000 | 30.000 | 1 % (really 0.85 %) | 24.000 | | 29.000 (28.50 to 29.50) |",
  ));
  assert.ok(lines.includes("| tiny | 3, row | 2 | 9.6 % | 1.020 | 0.510 | 25.500 |"));
  assert.ok(lines.includes("| tiny | 3, row | 64 tokens of default | held-out | 4096 | 256 | 3 |"));
});
