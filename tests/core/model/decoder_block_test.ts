import assert from "node:assert/strict";
import { replaceWeights } from "../../../core/model/decoder_block.ts";
import { KvCache } from "../../../core/model/kv_cache.ts";
import type { Block, Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { withBlocks } from "../../../core/model/with_blocks.ts";
import { seededRandom } from "../../../core/random.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { TINY_LLAMA, writeTinyModel } from "../../tiny_model.ts";

const QWEN3 = { ...TINY_LLAMA, architectures: ["Qwen3ForCausalLM"], attention_bias: true };

async function withBlock(
  use: (block: Block, hidden: Tensor, model: Model) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await writeTinyModel(directory, QWEN3);
    using backend = createReferenceBackend();
    {
      using model = await openModel(directory, backend);
      using block = await model.loadBlock(1);
      const random = seededRandom(3);
      const values = Float32Array.from({ length: 8 * 32 }, () => 2 * random() - 1);
      using hidden = backend.upload(values, "F32", [8, 32]);
      await use(block, hidden, model);
    }
    assert.equal(backend.allocatedBytes(), 0, "every tensor is freed");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function assertClose(a: Float32Array, b: Float32Array, tolerance = 1e-5): void {
  assert.equal(a.length, b.length);
  for (const [i, value] of a.entries()) {
    assert.ok(Math.abs(value - b[i]!) <= tolerance, `${i}: ${value} against ${b[i]}`);
  }
}

Deno.test("Block.run() shows the input of every site before its linears run", async () => {
  await withBlock(async (block, hidden, model) => {
    const seen: [string, number[]][] = [];
    const inputs = new Map<string, Float32Array>();
    using output = await block.run(hidden, {
      sequences: 2,
      observe: (site, input) => {
        seen.push([site, [...input.shape]]);
        inputs.set(site, model.backend.download(input));
        return Promise.resolve();
      },
    });
    assert.deepEqual(seen, [
      ["attention", [8, 32]],
      ["attentionOutput", [8, 32]],
      ["mlp", [8, 32]],
      ["mlpHidden", [8, 64]],
    ]);
    // The modules' outputs on what was seen, and the residuals, make up the block's output.
    using attentionInput = model.backend.upload(inputs.get("attention")!, "F32", [8, 32]);
    using mlpInput = model.backend.upload(inputs.get("mlp")!, "F32", [8, 32]);
    using sum = await block.runModule("attention", attentionInput, { sequences: 2 });
    using mlp = await block.runModule("mlp", mlpInput, { sequences: 2 });
    await model.backend.addInPlace(sum, hidden);
    await model.backend.addInPlace(sum, mlp);
    assertClose(model.backend.download(sum), model.backend.download(output));
  });
});

Deno.test("Block.run() keeps sequences apart and leaves its input alone", async () => {
  await withBlock(async (block, hidden, { backend }) => {
    const before = backend.download(hidden);
    using both = await block.run(hidden, { sequences: 2 });
    using second = backend.rows(hidden, 4, 4);
    using alone = await block.run(second, { sequences: 1 });
    assertClose(backend.download(both).subarray(4 * 32), backend.download(alone));
    assert.deepEqual(backend.download(hidden), before);
  });
});

Deno.test("Block.run() with a cache for each sequence equals the run of the whole", async () => {
  await withBlock(async (block, hidden, { backend, config }) => {
    using whole = await block.run(hidden, { sequences: 2 });
    const expected = backend.download(whole);
    using resources = new DisposableStack();
    const caches = [0, 1].map(() => {
      return resources.use(new KvCache(backend, 4, config.kvHeads * config.headDim));
    });
    const values = backend.download(hidden);
    for (let t = 0; t < 4; t++) {
      const rows = [t, 4 + t].flatMap((row) => [...values.subarray(row * 32, row * 32 + 32)]);
      using step = backend.upload(Float32Array.from(rows), "F32", [2, 32]);
      using output = await block.run(step, { sequences: 2, caches });
      const actual = backend.download(output);
      assertClose(actual.subarray(0, 32), expected.subarray(t * 32, t * 32 + 32));
      assertClose(actual.subarray(32), expected.subarray((4 + t) * 32, (5 + t) * 32));
    }
    await assert.rejects(block.run(hidden, { sequences: 2, caches }), {
      code: "input",
      message: /needs 8 positions but the cache holds 4/,
    });
    await assert.rejects(block.run(hidden, { sequences: 4, caches }), { code: "failed" });
    await assert.rejects(block.run(hidden, { sequences: 3 }), { code: "failed" });
  });
});

Deno.test("Block.run() puts overrides in the place of its own weights", async () => {
  await withBlock(async (block, hidden, { backend }) => {
    using zero = backend.zeros("F32", [32, 64]);
    const overrides = new Map([["model.layers.1.mlp.down_proj", zero]]);
    const seen: Float32Array[] = [];
    using output = await block.runModule("mlp", hidden, { sequences: 1, overrides });
    seen.push(backend.download(output));
    assert.ok(seen[0]!.every((value) => value === 0));
  });
});

Deno.test("replaceWeights() makes a block of other weights that frees only its own", async () => {
  await withBlock(async (block, hidden, model) => {
    const { backend } = model;
    using before = await block.run(hidden, { sequences: 1 });
    // Factors folded from the norm into the linears after it change nothing.
    const factors = Float32Array.from({ length: 32 }, (_, i) => 1 + (i % 5) / 4);
    const norm = block.norms.get("mlp")!;
    using vector = backend.reshape(norm.weight, [32]);
    const divided = await backend.scaleRows(vector, factors.map((factor) => 1 / factor));
    const linears = new Map();
    for (const role of ["gate", "up"]) {
      const linear = block.linears.get(role)!;
      const scaled = await backend.scaleColumns(linear.weight as Tensor, factors);
      linears.set(role, { ...linear, weight: scaled });
    }
    const owned = [divided, ...[...linears.values()].map((linear) => linear.weight as Tensor)];
    const folded = replaceWeights(block, {
      linears,
      norms: new Map([["mlp", { ...norm, weight: divided }]]),
      owned,
    });
    using after = await folded.run(hidden, { sequences: 1 });
    assertClose(backend.download(after), backend.download(before), 1e-4);
    const rest = backend.allocatedBytes();
    folded[Symbol.dispose]();
    assert.equal(rest - backend.allocatedBytes(), owned.reduce((n, t) => n + t.byteLength, 0));
    using again = await block.run(hidden, { sequences: 1 });
    assert.deepEqual(backend.download(again), backend.download(before));
  });
});

Deno.test("withBlocks() asks for blocks elsewhere and takes the rest from the model", async () => {
  await withBlock(async (block, _hidden, model) => {
    const asked: number[] = [];
    using other = withBlocks(model, (index) => {
      asked.push(index);
      return Promise.resolve(block);
    });
    assert.equal(await other.loadBlock(0), block);
    assert.deepEqual(asked, [0]);
    using hidden = await other.embed(Int32Array.of(1));
    using logits = await other.logits(hidden);
    assert.deepEqual(logits.shape, [1, 64]);
  });
});
