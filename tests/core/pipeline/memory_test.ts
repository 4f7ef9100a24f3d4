import assert from "node:assert/strict";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { seededRandom } from "../../../core/random.ts";
import { testBackends } from "../../test_backends.ts";
import { TINY_LLAMA, tinyShapes } from "../../tiny_model.ts";

const MIB = 2 ** 20;
const LIMIT = 80 * MIB;
const CHILD = new URL("memory_child.ts", import.meta.url).pathname;
const ROOT = new URL("../../../", import.meta.url).pathname;
const NATIVE = ["ffi/native/prebuilt", "ffi/native/build"];

const CONFIG: JsonObject = {
  ...TINY_LLAMA,
  vocab_size: 512,
  hidden_size: 512,
  intermediate_size: 1536,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  max_position_embeddings: 256,
};

/** Writes a BF16 model of seeded numbers, a piece at a time. */
async function writeLargeModel(directory: string, blocks: number): Promise<void> {
  const config = { ...CONFIG, num_hidden_layers: blocks };
  const random = seededRandom("large model");
  const noise = Float32Array.from({ length: 65537 }, () => (random() - 0.5) / 8);
  const bits = Uint16Array.from(new Uint32Array(noise.buffer), (word) => word >>> 16);
  const ones = new Uint16Array(512).fill(0x3f80);
  await using writer = await createCheckpointWriter(directory);
  for (const [name, shape] of tinyShapes(config)) {
    const size = shape.reduce((a, b) => a * b, 1);
    const source = name.endsWith("norm.weight") ? ones : bits;
    await writer.add(name, "BF16", shape, repeated(source, size));
  }
  await writer.json("config.json", config);
  await writer.commit();
}

/** The bytes of `size` values: those of `source` again and again. */
function* repeated(source: Uint16Array, size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= source.length) {
    yield new Uint8Array(source.buffer, 0, 2 * Math.min(left, source.length));
  }
}

Deno.test({
  name: "a model larger than the memory limit is quantized within it",
  ignore: testBackends().every(({ name }) => name !== "cpu"),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await writeLargeModel(`${folder}/model`, 20);
      for (const method of ["nearest", "folding", "gptq"]) {
        const child = await new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--allow-read",
            "--allow-write",
            `--allow-ffi=${NATIVE.join(",")}`,
            CHILD,
            method,
            `${folder}/model`,
            `${folder}/${method}`,
            String(LIMIT),
          ],
          cwd: ROOT,
        }).output();
        const text = new TextDecoder();
        assert.ok(child.success, text.decode(child.stderr));
        const result = JSON.parse(text.decode(child.stdout));
        assert.ok(result.bytesBefore > 1.5 * LIMIT, "the model is not larger than the limit");
        assert.ok(result.plan.peak <= LIMIT);
        assert.ok(result.allocated < result.plan.peak);
        assert.ok(result.growth < LIMIT, `${result.growth / MIB} MiB`);
        assert.deepEqual([result.format, result.linears], ["awq-gemm", 140]);
        assert.ok(result.errors.every((error: number) => error > 0 && error < 0.1));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
