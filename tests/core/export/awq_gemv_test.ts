import assert from "node:assert/strict";
import fc from "fast-check";
import { awqGemv } from "../../../core/export/awq_gemv.ts";
import { uniformQuantization } from "../../../core/model/uniform_quantization.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";
import {
  assertMeans,
  assertSameWeight,
  bitsAt,
  encoded,
  grid,
  linear,
  randomWeight,
  type RawTensor,
  weightOf,
  withCheckpoint,
  wordsOf,
} from "./exported_linear.ts";

const backend = createReferenceBackend();

function stored(bits: number, groupSize: number) {
  return uniformQuantization("awq-gemv", { bits, groupSize, symmetric: false });
}

Deno.test("awqGemv packs in natural order along the inputs and the groups", async () => {
  const codes = Array.from({ length: 64 }, (_, k) => k % 8);
  using weight = weightOf(backend, grid({ groupSize: 32 }), [1, 64], codes, [1, 2], [3, 5]);
  const tensors = await encoded(awqGemv, weight, backend);
  assert.deepEqual([...wordsOf(tensors["l.qweight"])], new Array(8).fill(0x76543210));
  assert.deepEqual(tensors["l.qweight"]?.[1], [1, 8]);
  // Two groups of 32 take one word, made a multiple of four.
  assert.deepEqual(tensors["l.qzeros"]?.[1], [1, 4]);
  assert.deepEqual([...wordsOf(tensors["l.qzeros"])], [0x53, 0, 0, 0]);
  assert.deepEqual(tensors["l.scales"]?.slice(0, 2), ["F16", [1, 32]]);
});

Deno.test("awqGemv makes rows of zero points as wide as AutoAWQ does", async () => {
  const cases = [[128, 1024, 1], [128, 1152, 2], [64, 512, 2], [64, 1088, 4], [32, 1024, 4]];
  for (const [groupSize = 0, inputs = 0, words] of cases) {
    using weight = randomWeight(backend, grid({ groupSize }), [2, inputs]);
    const tensors = await encoded(awqGemv, weight, backend);
    assert.deepEqual(tensors["l.qzeros"]?.[1], [2, words], `${inputs} in groups of ${groupSize}`);
  }
});

Deno.test("awqGemv means the weight it was given to a reader of its own, and reads it back", async () => {
  const shapes = fc.record({
    bits: fc.constantFrom(2, 3, 4),
    groupSize: fc.constantFrom(32, 64, 128, 160),
    groups: fc.integer({ min: 1, max: 11 }),
    outputs: fc.integer({ min: 1, max: 9 }),
  });
  await fc.assert(
    fc.asyncProperty(shapes, async ({ bits, groupSize, groups, outputs }) => {
      const shape = [outputs, groups * groupSize] as const;
      using weight = randomWeight(backend, grid({ bits, groupSize }), shape);
      const tensors = await encoded(awqGemv, weight, backend);
      const [qweight, qzeros] = [wordsOf(tensors["l.qweight"]), wordsOf(tensors["l.qzeros"])];
      const scales = new Float16Array(tensors["l.scales"]![2].buffer.slice(0));
      const [width, zeroWidth] = [shape[1] / 8, qzeros.length / outputs];
      function value(n: number, k: number): number {
        const group = Math.floor(k / groupSize);
        const q = bitsAt((word) => qweight[n * width + word]!, 4 * k, 4);
        const z = bitsAt((word) => qzeros[n * zeroWidth + word]!, 4 * group, 4);
        return (q - z) * scales[n * zeroWidth * 8 + group]!;
      }
      assertMeans(value, weight, backend);
      await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
        const said = stored(bits, groupSize);
        using read = await awqGemv.decode(checkpoint, linear(...shape), said, backend);
        assertSameWeight(read, weight, backend);
      });
    }),
    { numRuns: 25 },
  );
});

Deno.test("awqGemv.check() refuses what the format cannot hold, and names the linear", async () => {
  awqGemv.check(linear(3, 128), grid({ groupSize: -1 }));
  const cases = [
    [linear(8, 128), grid({ bits: 8, groupSize: 32 }), /holds at most 4 bits, not the 8 of l/],
    [linear(8, 100), grid({ groupSize: -1 }), /cannot cut the 100 inputs of l/],
    [linear(8, 128), grid({ groupSize: 16 }), /has groups of 32, 64, or 128 and more, not the 16/],
    [linear(8, 128), grid({ groupSize: 32, scaleDtype: "F32" }), /stores scales as F16/],
  ] as const;
  for (const [info, wanted, text] of cases) {
    assert.equal((await refused(() => awqGemv.check(info, wanted), text)).tensor, "l");
  }
});

Deno.test("awqGemv.decode() refuses tensors that are missing or lie about themselves", async () => {
  using weight = randomWeight(backend, grid({ bits: 3, groupSize: 32 }), [4, 64]);
  const good = await encoded(awqGemv, weight, backend);
  const bad: [string, RawTensor | undefined, RegExp][] = [
    ["l.qweight", undefined, /^Tensor l\.qweight is missing/],
    ["l.qzeros", undefined, /^Tensor l\.qzeros is missing/],
    ["l.scales", undefined, /^Tensor l\.scales is missing/],
    ["l.qweight", ["I32", [8, 4], new Int32Array(32)], /is I32 \[8, 4\] where .* \[4, 8\]/],
    ["l.qweight", ["I32", [4, 8], new Int32Array(32).fill(8)], /more than the 3 bits it claims/],
    ["l.qzeros", ["I32", [4, 1], new Int32Array(4)], /is I32 \[4, 1\] where .* \[4, 4\]/],
    ["l.qzeros", ["I32", [4, 4], new Int32Array(16).fill(-1)], /more than the 3 bits it claims/],
    ["l.scales", ["F16", [4, 2], new Float16Array(8)], /is F16 \[4, 2\] where .* \[4, 32\]/],
  ];
  for (const [name, tensor, text] of bad) {
    const tensors = { ...good };
    if (tensor === undefined) delete tensors[name];
    else tensors[name] = tensor;
    await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
      const decode = () => awqGemv.decode(checkpoint, linear(4, 64), stored(3, 32), backend);
      assert.equal((await refused(decode, text)).tensor, name);
    });
  }
  await withCheckpoint(backend, good, {}, async (checkpoint) => {
    const decode = () => awqGemv.decode(checkpoint, linear(4, 64), stored(3, 16), backend);
    await refused(decode, /cannot be stored as AWQ's gemv with groups of 16/);
  });
});
