import assert from "node:assert/strict";
import fc from "fast-check";
import { packQuantized } from "../../../core/export/pack_quantized.ts";
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

function stored(bits: number, groupSize: number, symmetric = false) {
  return uniformQuantization("pack-quantized", { bits, groupSize, symmetric });
}

Deno.test("packQuantized writes the published golden word", async () => {
  // The signed values -8 to -1 are the integers 0 to 7.
  const codes = [0, 1, 2, 3, 4, 5, 6, 7];
  using weight = weightOf(backend, grid({ symmetric: true }), [1, 8], codes, [1], [8]);
  const tensors = await encoded(packQuantized, weight, backend);
  assert.deepEqual([...wordsOf(tensors["l.weight_packed"])], [0x76543210]);
  assert.deepEqual(tensors["l.weight_shape"]?.slice(0, 2), ["I64", [2]]);
  const shape = new BigInt64Array(tensors["l.weight_shape"]![2].buffer.slice(0));
  assert.deepEqual([...shape], [1n, 8n]);
  assert.equal(tensors["l.weight_zero_point"], undefined);
});

Deno.test("packQuantized packs zero points along the outputs", async () => {
  const zeros = [0, 1, 2, 3, 4, 5, 6, 7, 15];
  using weight = weightOf(
    backend,
    grid(),
    [9, 8],
    new Array(72).fill(0),
    new Array(9).fill(1),
    zeros,
  );
  const tensors = await encoded(packQuantized, weight, backend);
  assert.deepEqual(tensors["l.weight_zero_point"]?.[1], [2, 1]);
  assert.deepEqual([...wordsOf(tensors["l.weight_zero_point"])], [0x76543210, 15]);
});

/** The weight to a reader with nothing but the description: signed values and signed zero points. */
function decodePlainly(
  tensors: Record<string, RawTensor>,
  bits: number,
  [outputs, inputs]: readonly [number, number],
  groupSize: number,
): (n: number, k: number) => number {
  const packed = wordsOf(tensors["l.weight_packed"]);
  const zeros = tensors["l.weight_zero_point"];
  const zeroWords = zeros === undefined ? undefined : wordsOf(zeros);
  const scales = new Float16Array(tensors["l.weight_scale"]![2].buffer.slice(0));
  const [width, groups] = [packed.length / outputs, inputs / groupSize];
  const half = 2 ** (bits - 1);
  return (n, k) => {
    const group = Math.floor(k / groupSize);
    const q = bitsAt((word) => packed[n * width + word]!, k * bits, bits) - half;
    const z = zeroWords === undefined
      ? 0
      : bitsAt((word) => zeroWords[word * groups + group]!, n * bits, bits) - half;
    return (q - z) * scales[n * groups + group]!;
  };
}

Deno.test("packQuantized means the weight it was given to a reader of its own, and reads it back", async () => {
  const shapes = fc.record({
    bits: fc.integer({ min: 2, max: 8 }),
    groupSize: fc.constantFrom(1, 3, 8, 32),
    groups: fc.integer({ min: 1, max: 5 }),
    outputs: fc.integer({ min: 1, max: 40 }),
    symmetric: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(shapes, async ({ bits, groupSize, groups, outputs, symmetric }) => {
      const shape = [outputs, groups * groupSize] as const;
      using random = randomWeight(backend, grid({ bits, groupSize, symmetric }), shape);
      const middle = new Array(outputs * groups).fill(2 ** (bits - 1));
      using weight = weightOf(
        backend,
        random.grid,
        shape,
        backend.downloadBytes(random.codes),
        backend.download(random.scales),
        symmetric ? middle : backend.downloadBytes(random.zeros),
      );
      const tensors = await encoded(packQuantized, weight, backend);
      assertMeans(decodePlainly(tensors, bits, shape, groupSize), weight, backend);
      await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
        const said = stored(bits, groupSize, symmetric);
        using read = await packQuantized.decode(checkpoint, linear(...shape), said, backend);
        assertSameWeight(read, weight, backend);
        assert.deepEqual(read.grid, grid({ bits, groupSize, symmetric, range: "zero" }));
      });
    }),
    { numRuns: 40 },
  );
});

Deno.test("packQuantized keeps bf16 scales", async () => {
  const bf16 = grid({ scaleDtype: "BF16" });
  using weight = weightOf(backend, bf16, [1, 8], new Array(8).fill(9), [1.0078125], [3]);
  const tensors = await encoded(packQuantized, weight, backend);
  assert.equal(tensors["l.weight_scale"]?.[0], "BF16");
  await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
    using read = await packQuantized.decode(checkpoint, linear(1, 8), stored(4, 8), backend);
    assert.equal(read.grid.scaleDtype, "BF16");
    assertSameWeight(read, weight, backend);
  });
});

Deno.test("packQuantized.decode() refuses tensors that are missing or lie about themselves", async () => {
  using weight = randomWeight(backend, grid(), [16, 32]);
  const good = await encoded(packQuantized, weight, backend);
  const shape = (n: bigint, k: bigint): RawTensor => ["I64", [2], BigInt64Array.of(n, k)];
  const bad: [string, RawTensor | undefined, RegExp][] = [
    ["l.weight_packed", undefined, /^Tensor l\.weight_packed is missing/],
    ["l.weight_scale", undefined, /^Tensor l\.weight_scale is missing/],
    ["l.weight_zero_point", undefined, /^Tensor l\.weight_zero_point is missing/],
    ["l.weight_shape", undefined, /^Tensor l\.weight_shape is missing/],
    ["l.weight_shape", shape(32n, 16n), /says \[32, 16\] where the model needs \[16, 32\]/],
    ["l.weight_shape", shape(16n, 2n ** 62n), /says \[16, 46116860184273/],
    ["l.weight_packed", ["I32", [4, 16], new Int32Array(64)], /is I32 \[4, 16\] where/],
    ["l.weight_zero_point", ["I32", [4, 2], new Int32Array(8)], /is I32 \[4, 2\] where/],
    ["l.weight_scale", ["I8", [16, 4], new Int8Array(64)], /is I8 \[16, 4\] where/],
    ["l.weight_scale", ["F16", [16, 4], new Float16Array(64).fill(Infinity)], /not finite/],
  ];
  for (const [name, tensor, text] of bad) {
    const tensors = { ...good };
    if (tensor === undefined) delete tensors[name];
    else tensors[name] = tensor;
    await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
      const info = linear(16, 32);
      const decode = () => packQuantized.decode(checkpoint, info, stored(4, 8), backend);
      assert.equal((await refused(decode, text)).tensor, name);
    });
  }
});

Deno.test("packQuantized.decode() refuses the older layout of three bits", async () => {
  using weight = randomWeight(backend, grid({ bits: 3, groupSize: 32 }), [4, 64]);
  const tensors = await encoded(packQuantized, weight, backend);
  // Ten whole values in a word make 7 words where 6 hold them densely.
  tensors["l.weight_packed"] = ["I32", [4, 7], new Int32Array(28)];
  await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
    const decode = () => packQuantized.decode(checkpoint, linear(4, 64), stored(3, 32), backend);
    await refused(decode, /has 3 bits in the layout of older versions/);
  });
});

Deno.test("packQuantized leaves no memory behind", async () => {
  const fresh = createReferenceBackend();
  {
    using weight = randomWeight(fresh, grid({ bits: 5 }), [12, 24]);
    const tensors = await encoded(packQuantized, weight, fresh);
    await withCheckpoint(fresh, tensors, {}, async (checkpoint) => {
      using _read = await packQuantized.decode(checkpoint, linear(12, 24), stored(5, 8), fresh);
    });
  }
  assert.equal(fresh.allocatedBytes(), 0);
  fresh[Symbol.dispose]();
});
