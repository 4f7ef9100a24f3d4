import assert from "node:assert/strict";
import type { JsonObject } from "../../../core/checkpoint/types.ts";
import { KvCache } from "../../../core/model/kv_cache.ts";
import type { Model } from "../../../core/model/model.ts";
import { openModel } from "../../../core/model/open_model.ts";
import { testBackends } from "../../test_backends.ts";
import { writeTinyModel } from "../../tiny_model.ts";
import golden from "../../golden/tiny_logits.json" with { type: "json" };

const ids = Int32Array.from(numbers(golden.ids));

function numbers(text: string): number[] {
  return text.split(" ").map(Number);
}

/** Logits [ids, vocab] of a whole sequence, or of the pieces that a cache joins. */
async function allLogits(model: Model, pieces: readonly Int32Array[]): Promise<Float32Array[]> {
  const ops = model.backend;
  const { kvHeads, headDim, blocks } = model.config;
  const caches = Array.from(
    { length: blocks },
    () => new KvCache(ops, ids.length, kvHeads * headDim),
  );
  const outputs: Float32Array[] = [];
  for (const piece of pieces) {
    let hidden = await model.embed(piece);
    for (let i = 0; i < blocks; i++) {
      using block = await model.loadBlock(i);
      using input = hidden;
      const cache = pieces.length > 1 ? { cache: caches[i]! } : {};
      hidden = await block.run(input, { sequences: 1, ...cache });
    }
    using input = hidden;
    using logits = await model.logits(input);
    outputs.push(ops.download(logits));
  }
  for (const cache of caches) cache[Symbol.dispose]();
  return outputs;
}

/** max |a - b| / max |b|. */
function relativeError(actual: ArrayLike<number>, expected: readonly number[]): number {
  assert.equal(actual.length, expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value))) / largest;
}

for (const { name: backendName, create } of testBackends()) {
  for (const { name, config, rows, logits: expected } of golden.cases) {
    Deno.test(`openModel() runs ${name} as transformers does, on ${backendName}`, async () => {
      const directory = await Deno.makeTempDir();
      try {
        using backend = await create();
        await writeTinyModel(directory, config as unknown as JsonObject);
        const before = backend.allocatedBytes();
        {
          using model = await openModel(directory, backend);
          const [whole] = await allLogits(model, [ids]);
          const vocab = model.config.vocabSize;
          for (const [i, row] of numbers(rows).entries()) {
            const actual = whole!.subarray(row * vocab, (row + 1) * vocab);
            const error = relativeError(actual, numbers(expected[i]!));
            assert.ok(error < 1e-4, `row ${row}: relative error ${error}`);
          }
          // With a cache the frequencies of a dynamic rule are those of the text so far.
          if (name !== "llama-dynamic-beyond") {
            const pieces = [ids.subarray(0, 11), ids.subarray(11, 27), ids.subarray(27)];
            const joined = (await allLogits(model, pieces)).flatMap((part) => [...part]);
            assert.ok(relativeError(joined, [...whole!]) < 1e-5);
          }
        }
        assert.equal(backend.allocatedBytes(), before, "every tensor is freed");
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    });
  }
}
