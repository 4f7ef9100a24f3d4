import assert from "node:assert/strict";
import {
  type ModelCard,
  modelCard,
  openBackend,
  openModel,
  quantizeInMemory,
  rtn,
} from "../../../mod.ts";

const CARD: ModelCard = {
  id: "me/tiny-rtn",
  format: "pack-quantized",
  bits: 4,
  groupSize: 32,
  versions: { Salient: "1.2.3", Deno: "9" },
};

/** The fields of the YAML at the start, as far as they are strings of one line. */
function fields(card: string): Record<string, string> {
  const [, yaml = ""] = /^---\n([\s\S]*?)\n---\n/.exec(card) ?? [];
  return Object.fromEntries(
    [...yaml.matchAll(/^(\w+): (".*")$/gm)].map(([, key, value]) => [key, JSON.parse(value!)]),
  );
}

Deno.test("modelCard() says where a model is from, how it was made and what was measured", async () => {
  using backend = await openBackend("auto");
  using model = await openModel("models/salient-tiny", backend);
  const { report, model: quantized } = await quantizeInMemory({
    model,
    backend,
    plugins: [rtn({ bits: 4, groupSize: 32 })],
  });
  using _quantized = quantized;
  const card = modelCard({
    ...CARD,
    report,
    base: { id: "org/tiny", commit: "0123456789abcdef", url: "https://hub/org/tiny" },
    license: { license: "other", license_name: 'a "fine" one', license_link: "https://l" },
    command: "salient quantize org/tiny --out 'a``` b'",
    calibration: { source: "default", samples: 8, seqLen: 64, tokens: 512 },
    measured: {
      text: "held-out",
      windows: 16,
      seqLen: 256,
      tokens: 4096,
      original: 20,
      quantized: 20.5,
      seconds: 1,
    },
  });
  assert.deepEqual(fields(card), {
    license: "other",
    license_name: 'a "fine" one',
    license_link: "https://l",
    base_model: "org/tiny",
    base_model_relation: "quantized",
    library_name: "transformers",
    pipeline_tag: "text-generation",
  });
  assert.match(card, /^tags:\n( {2}- ".+"\n)*? {2}- "4-bit"\n/m);
  assert.match(card, / {2}- "compressed-tensors"/);
  assert.match(card, /\[org\/tiny\]\(https:\/\/hub\/org\/tiny\) at commit `0123456789ab`/);
  assert.match(card, /\| this model \| 20\.500 \| \+2\.50 % \|/);
  assert.match(card, /16 windows of 256 tokens side by side, 4096 tokens/);
  assert.match(card, /Calibrated on 8 windows of 64 tokens \(512 tokens\) from `default` \(/);
  assert.doesNotMatch(card, /the text that was calibrated on/);
  assert.match(card, /````sh\nsalient quantize org\/tiny --out 'a``` b'\n````/);
  assert.match(card, /Salient 1\.2\.3, Deno 9; \d+\.\d s/);
  const downs = report.layers.filter(({ name }) => name.endsWith("down_proj"));
  const mean = downs.reduce((sum, { error }) => sum + error, 0) / downs.length;
  const shown = `${(100 * Math.sqrt(mean)).toFixed(2)} %`;
  assert.ok(card.includes(`| \`down_proj\` | ${downs.length} | ${shown} | ${shown} |`), card);
});

Deno.test("modelCard() claims nothing that is not known", () => {
  const card = modelCard({ ...CARD, format: "gguf", bits: null, groupSize: null });
  assert.deepEqual(fields(card), { pipeline_tag: "text-generation" });
  assert.match(card, /Perplexity was not measured/);
  assert.doesNotMatch(card, /undefined|null|NaN|## How|## Errors|-bit/);
});

Deno.test("modelCard() says where a text was calibrated on and measured", () => {
  const measured = { windows: 1, seqLen: 8, tokens: 8, original: 2, quantized: 2, seconds: 1 };
  const calibration = { source: "mine.txt", samples: 1, seqLen: 8, tokens: 8 };
  const card = modelCard({ ...CARD, calibration, measured: { ...measured, text: "mine.txt" } });
  assert.match(card, /It is the text that was calibrated on/);
  assert.match(card, /^library_name: "transformers"$/m);
  assert.doesNotMatch(modelCard({ ...CARD, format: "gptq-v2" }), /library_name/);
});
