import assert from "node:assert/strict";
import { convertModel, type Model, openBackend, openModel, quantize, rtn } from "../mod.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { GGUF_FAMILIES, GGUF_IDS, writeGgufModel } from "../tests/core/gguf/gguf_family_cases.ts";
import { logitsOf } from "../tests/core/pipeline/pipeline_fixtures.ts";
import { clientTest, missingPeer, runPeer } from "./run_child.ts";

type Answer = readonly (readonly number[])[] | string;

/**
 * How far log-likelihoods may be off for each block, in nats, on average over all tokens and places: llama.cpp keeps keys and
 * values in F16, and rounds the inputs of quantized products to 8 bits.
 */
const PLAIN = 1e-3;
const BLOCKS = 2e-2;

/** Log-likelihoods [ids][vocabulary]. */
async function logLikelihoods(model: Model): Promise<Float64Array[]> {
  const logits = await logitsOf(model, Int32Array.from(GGUF_IDS));
  const { vocabSize } = model.config;
  return GGUF_IDS.map((_, i) => {
    const row = Float64Array.from(logits.subarray(i * vocabSize, (i + 1) * vocabSize));
    const most = Math.max(...row);
    const sum = most + Math.log(row.reduce((all, value) => all + Math.exp(value - most), 0));
    return row.map((value) => value - sum);
  });
}

/** Mean difference over the likely tokens. */
function difference(ours: readonly Float64Array[], theirs: Answer): number {
  assert.ok(typeof theirs !== "string", String(theirs));
  let [sum, count] = [0, 0];
  for (const [i, row] of ours.entries()) {
    assert.equal(theirs[i]?.length, row.length);
    for (const [id, value] of row.entries()) {
      sum += Math.exp(value) * Math.abs(value - (theirs[i]?.[id] ?? NaN));
    }
    count++;
  }
  return sum / count;
}

for (const [name, config] of Object.entries(GGUF_FAMILIES)) {
  clientTest(`llama.cpp computes ${name} as we do`, missingPeer("node-llama-cpp"), async () => {
    await using folder = await temporaryDirectory();
    const directory = `${folder.path}/model`;
    await Deno.mkdir(directory);
    await writeGgufModel(directory, config);
    using backend = await openBackend("auto");
    const files = ["plain", "Q8_0", "Q4_0"].map((kind) => `${folder.path}/${kind}.gguf`);
    const [plain = "", q8 = "", q4 = ""] = files;
    const options = { model: directory, backend, format: "gguf" };
    await convertModel({ ...options, out: plain });
    const grid = { groupSize: 32, symmetric: true };
    await quantize({ ...options, plugins: [rtn({ bits: 8, ...grid })], out: q8 });
    await quantize({ ...options, plugins: [rtn({ bits: 4, ...grid })], out: q4 });
    const answers = await runPeer<readonly Answer[]>("tests_clients/children/llama_logits.ts", {
      files,
      ids: GGUF_IDS,
    });
    const found: number[] = [];
    for (const [i, file] of files.entries()) {
      using model = await openModel(file, backend);
      found.push(difference(await logLikelihoods(model), answers[i] ?? "no answer"));
    }
    console.log(`  ${name}: ${found.map((value) => value.toExponential(1)).join(", ")} nats`);
    const blocks = Number(config.num_hidden_layers ?? 3);
    assert.ok(found[0]! < PLAIN * blocks, `plain: ${found[0]} nats`);
    assert.ok(Math.max(found[1]!, found[2]!) < BLOCKS * blocks, `in blocks: ${found} nats`);
  });
}
