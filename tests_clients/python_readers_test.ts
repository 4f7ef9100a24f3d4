import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { openBackend, openModel, perplexity, quantize, rtn } from "../mod.ts";
import { loadTokenizer } from "../mod.ts";
import { recogniseFormat } from "../core/export/formats.ts";
import type { Backend, Model } from "../mod.ts";
import { temporaryDirectory } from "../tests/core/checkpoint/checkpoint_files.ts";
import { clientModels } from "./client_models.ts";
import { clientTest, missingPython, runPython } from "./run_child.ts";

const MODEL = new URL("../models/salient-tiny", import.meta.url).pathname;

/** SHA-256 of the fp32 weights as we read them. */
async function ourSums(model: Model, backend: Backend): Promise<Record<string, string>> {
  const source = recogniseFormat(model.rawConfig);
  const sums: Record<string, string> = {};
  for (const linear of model.linears) {
    using stack = new DisposableStack();
    let weight;
    if (source === undefined) weight = stack.use(model.checkpoint.tensor(`${linear.name}.weight`));
    else {
      using read = await source.format.decode(model.checkpoint, linear, source.stored, backend);
      weight = stack.use(await backend.dequantize(read));
    }
    sums[linear.name] = createHash("sha256").update(backend.download(weight)).digest("hex");
  }
  return sums;
}

const CASES = [
  { format: "awq-gemm", bits: 4, groupSize: 32 },
  { format: "awq-gemm", bits: 3, groupSize: -1 },
  { format: "awq-gemv", bits: 4, groupSize: 64 },
  { format: "gptq", bits: 4, groupSize: 32, symmetric: true },
  { format: "gptq", bits: 8, groupSize: 128, symmetric: true },
  { format: "gptq-v2", bits: 4, groupSize: 32 },
  { format: "gptq-v2", bits: 3, groupSize: 64 },
  { format: "gptq-v2", bits: 2, groupSize: 128 },
  { format: "gptq-p", bits: 3, groupSize: 32 },
  { format: "gptq-p", bits: 5, groupSize: 128 },
  { format: "gptq-p", bits: 7, groupSize: 64, symmetric: true },
  { format: "int-quantized", bits: 8, groupSize: -1, symmetric: true },
  { format: "pack-quantized", bits: 4, groupSize: 32 },
  { format: "pack-quantized", bits: 8, groupSize: -1, symmetric: true },
  { format: "pack-quantized", bits: 3, groupSize: 128 },
  { format: "pack-quantized", bits: 5, groupSize: 128, symmetric: true },
  { format: "dequantized", bits: 4, groupSize: 32 },
  { format: "gguf", bits: 4, groupSize: 32 },
  { format: "gguf", bits: 4, groupSize: 128, symmetric: true },
  { format: "gguf", bits: 8, groupSize: 64, symmetric: true },
];

for (const { format, ...grid } of CASES) {
  const packages = format === "gguf" ? ["numpy", "gguf"] : ["numpy"];
  const shown = `${grid.bits} bits in groups of ${grid.groupSize}`;
  clientTest(
    `a Python reader agrees on every weight: ${format}, ${shown}`,
    missingPython(...packages),
    async () => {
      await using folder = await temporaryDirectory();
      using backend = await openBackend("auto");
      const out = `${folder.path}/${format === "gguf" ? "m.gguf" : "out"}`;
      await quantize({ model: MODEL, backend, plugins: [rtn(grid)], format, out });
      using written = await openModel(out, backend);
      const linears = written.linears.map(({ name }) => name);
      const theirs = await runPython<object>("tools/read_checkpoint.py", { path: out, linears });
      assert.deepEqual(theirs, await ourSums(written, backend));
    },
  );
}

for (const { name, directory, text } of clientModels()) {
  const missing = missingPython("torch", "transformers");
  clientTest(`transformers measures a dequantized ${name} as we do`, missing, async () => {
    await using folder = await temporaryDirectory();
    using backend = await openBackend("auto");
    const out = `${folder.path}/out`;
    const plugins = [rtn({ bits: 4, groupSize: 32 })];
    await quantize({ model: directory, backend, plugins, format: "dequantized", out });
    const tokenizer = await loadTokenizer(out);
    const count = 256 * Math.min(6, Math.floor(tokenizer.encode(text).length / 256));
    const ids = tokenizer.encode(text).subarray(0, count);
    using written = await openModel(out, backend);
    const { perplexity: ours } = await perplexity(written, ids, { seqLen: 256 });
    const windows = Array.from(
      { length: count / 256 },
      (_, i) => [...ids.subarray(i * 256, (i + 1) * 256)],
    );
    const theirs = await runPython<{ perplexity: number }>("tools/client_perplexity.py", {
      path: out,
      windows,
    });
    console.log(`  ${name}: ${ours.toFixed(5)}, transformers ${theirs.perplexity.toFixed(5)}`);
    assert.ok(Math.abs(theirs.perplexity / ours - 1) < 1e-3);
  });
}
