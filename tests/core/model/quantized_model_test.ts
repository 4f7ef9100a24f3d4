import assert from "node:assert/strict";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { perplexity } from "../../../core/eval/perplexity.ts";
import { findFormat } from "../../../core/export/formats.ts";
import { resolveGrid } from "../../../core/grid_helpers.ts";
import type { Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { withBlocks } from "../../../core/model/with_blocks.ts";
import { replaceWeights } from "../../../core/model/decoder_block.ts";
import { testBackends } from "../../test_backends.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";

const QWEN2 = { ...TINY_LLAMA, architectures: ["Qwen2ForCausalLM"], model_type: "qwen2" };
const PLAIN = "model.layers.1.mlp.down_proj";
const GRID = { bits: 4, groupSize: 32 };

/** Rounds every linear but one and writes the checkpoint in AutoAWQ's layout. */
async function writeQuantized(model: Model, directory: string): Promise<void> {
  const ops = model.backend;
  const format = findFormat("awq-gemm");
  await using writer = await createCheckpointWriter(directory);
  const quantized = model.linears.filter((info) => info.name !== PLAIN);
  const replaced = new Set(quantized.map((info) => `${info.name}.weight`));
  for (const { name, dtype, shape } of model.checkpoint.entries.values()) {
    if (replaced.has(name)) continue;
    using tensor = model.checkpoint.tensor(name);
    await writer.add(name, dtype, shape, ops.downloadBytes(tensor));
  }
  for (const info of quantized) {
    using weight = model.checkpoint.tensor(`${info.name}.weight`);
    using rounded = await ops.quantize(weight, resolveGrid(GRID, info));
    for (const { suffix, dtype, tensor } of await format.encode(rounded, ops)) {
      using stored = tensor;
      await writer.add(info.name + suffix, dtype, stored.shape, ops.downloadBytes(stored));
    }
  }
  const linears = new Map(
    quantized.map((info) => [info.name, { info, grid: resolveGrid(GRID, info) }]),
  );
  await writer.json("config.json", {
    ...model.rawConfig,
    quantization_config: format.config(linears, [PLAIN]),
  });
  await writer.commit();
}

for (const { name, create } of testBackends()) {
  Deno.test(`openModel() runs a quantized checkpoint on packed integers, on ${name}`, async () => {
    const parent = await Deno.makeTempDir();
    try {
      using backend = await create();
      const before = backend.allocatedBytes();
      {
        await writeTinyModel(parent, QWEN2);
        using original = await openModel(parent, backend);
        await writeQuantized(original, `${parent}/awq`);
        using model = await openModel(`${parent}/awq`, backend);
        const { format, bits, groupSize } = model.quantization!;
        assert.deepEqual([format, bits, groupSize], ["awq-gemm", 4, 32]);
        const stored = { bits: 4, groupSize: 32, symmetric: false };
        assert.deepEqual(
          model.linears.map((info) => model.quantization!.of(info)),
          [...Array(13).fill(stored), undefined],
        );
        assert.deepEqual(
          model.linears.slice(0, 13).map((info) => info.dtype),
          Array(13).fill("I32"),
        );
        assert.equal(model.linears[13]!.dtype, "F32");
        {
          using block = await model.loadBlock(1);
          const packed = [...block.linears.values()].filter(({ weight }) => "packed" in weight);
          assert.deepEqual(
            packed.map(({ info }) => info.role),
            ["q", "k", "v", "o", "gate", "up"],
          );
          assert.deepEqual(block.linears.get("q")!.bias?.shape, [32]);
        }
        // The same integers dequantized, in memory, must give the same figure.
        using rounded = withBlocks(original, async (index) => {
          const block = await original.loadBlock(index);
          const linears = new Map();
          const owned: Disposable[] = [];
          for (const [role, linear] of block.linears) {
            if (linear.info.name === PLAIN) continue;
            using plain = original.checkpoint.tensor(`${linear.info.name}.weight`);
            const weight = await backend.fakeQuantize(plain, resolveGrid(GRID, linear.info));
            linears.set(role, { ...linear, weight });
            owned.push(weight);
          }
          return replaceWeights(block, { linears, owned: [...owned, block] });
        });
        const ids = Int32Array.from({ length: 64 }, (_, i) => (i * i + 3 * i) % 64);
        const measured = await perplexity(model, ids, { seqLen: 16 });
        const expected = await perplexity(rounded, ids, { seqLen: 16 });
        const plain = await perplexity(original, ids, { seqLen: 16 });
        assert.ok(Math.abs(measured.perplexity / expected.perplexity - 1) < 1e-3);
        assert.ok(Math.abs(measured.perplexity / plain.perplexity - 1) > 1e-3);
      }
      assert.equal(backend.allocatedBytes(), before, "every tensor is freed");
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  });
}
