import assert from "node:assert/strict";
import fc from "fast-check";
import type { QuantizedWeight } from "../../../core/backend.ts";
import { makeGptq } from "../../../core/export/gptq.ts";
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
const V1 = makeGptq("gptq");
const V2 = makeGptq("gptq-v2");
const PLANAR = makeGptq("gptq-p");

function stored(bits: number, groupSize: number) {
  return uniformQuantization("gptq", { bits, groupSize, symmetric: false });
}

Deno.test("gptq writes the published golden words", async () => {
  const codes = Array.from({ length: 64 }, (_, i) => i % 8);
  const [ones, eights] = [new Array(8).fill(1), new Array(8).fill(8)];
  using weight = weightOf(backend, grid({ symmetric: true }), [8, 8], codes, ones, eights);
  const first = await encoded(V1, weight, backend);
  assert.deepEqual([...wordsOf(first["l.qweight"])], new Array(8).fill(0x76543210));
  assert.deepEqual(first["l.qweight"]?.[1], [1, 8]);
  assert.deepEqual([...wordsOf(first["l.qzeros"])], [0x77777777]);
  assert.deepEqual(first["l.qzeros"]?.[1], [1, 1]);
  const second = await encoded(V2, weight, backend);
  assert.deepEqual([...wordsOf(second["l.qzeros"])], [0x88888888]);
  assert.deepEqual([...wordsOf(second["l.qweight"])], [...wordsOf(first["l.qweight"])]);
});

Deno.test("gptq stores zero points less one as its description's constants say", async () => {
  // peers' conversion from version 1 to 2 adds these to every word.
  for (const [bits, constant] of [[2, 0x55555555], [4, 0x11111111], [8, 0x01010101]] as const) {
    const middle = 2 ** (bits - 1);
    const codes = new Array(32 * 32).fill(0);
    const [ones, zeros] = [new Array(32).fill(1), new Array(32).fill(middle)];
    using weight = weightOf(backend, grid({ bits, groupSize: 32 }), [32, 32], codes, ones, zeros);
    const first = wordsOf((await encoded(V1, weight, backend))["l.qzeros"]);
    const second = wordsOf((await encoded(V2, weight, backend))["l.qzeros"]);
    assert.deepEqual([...first].map((word) => (word + constant) >>> 0), [...second]);
  }
});

/** The weight that files mean to a reader with nothing but the description of the format. */
function decodePlainly(
  tensors: Record<string, RawTensor>,
  bits: number,
  outputs: number,
  offset: 0 | 1,
): (n: number, k: number) => number {
  const qweight = wordsOf(tensors["l.qweight"]);
  const qzeros = wordsOf(tensors["l.qzeros"]);
  const owners = wordsOf(tensors["l.g_idx"]);
  const scales = new Float16Array(tensors["l.scales"]![2].buffer.slice(0));
  const zeroWords = outputs * bits / 32;
  return (n, k) => {
    const group = owners[k]!;
    const q = bitsAt((word) => qweight[word * outputs + n]!, k * bits, bits);
    const z = bitsAt((word) => qzeros[group * zeroWords + word]!, n * bits, bits) + offset;
    return (q - z) * scales[group * outputs + n]!;
  };
}

const shapes = fc.record({
  bits: fc.constantFrom(2, 3, 4, 8),
  groupSize: fc.constantFrom(8, 32, 96),
  rows: fc.integer({ min: 1, max: 3 }),
  parts: fc.integer({ min: 1, max: 2 }),
});

/** Version 1 has no zero point of 0. */
function raised(weight: QuantizedWeight): QuantizedWeight {
  const zeros = backend.downloadBytes(weight.zeros).map((zero) => Math.max(1, zero));
  const codes = backend.downloadBytes(weight.codes);
  const [outputs = 0, inputs = 0] = weight.codes.shape;
  const scales = backend.download(weight.scales);
  return weightOf(backend, weight.grid, [outputs, inputs], codes, scales, zeros);
}

Deno.test("gptq means the weight it was given to a reader of its own, and reads it back", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ bits, groupSize, rows, parts }) => {
      const [outputs, inputs] = [32 * rows, 96 * parts];
      using random = randomWeight(backend, grid({ bits, groupSize }), [outputs, inputs]);
      using weight = raised(random);
      for (const [format, offset] of [[V1, 1], [V2, 0]] as const) {
        const tensors = await encoded(format, weight, backend);
        assertMeans(decodePlainly(tensors, bits, outputs, offset), weight, backend);
        await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
          const info = linear(outputs, inputs);
          using read = await format.decode(checkpoint, info, stored(bits, groupSize), backend);
          assertSameWeight(read, weight, backend);
          assert.deepEqual(read.grid, grid({ bits, groupSize }));
        });
      }
    }),
    { numRuns: 25 },
  );
});

Deno.test("gptq has no zero point of 0, gptq-v2 has", async () => {
  const zeros = [...new Array(7).fill(8), 0];
  using weight = weightOf(
    backend,
    grid(),
    [8, 8],
    new Array(64).fill(0),
    new Array(8).fill(1),
    zeros,
  );
  await refused(() => V1.encode(weight, backend), /one here is 0.*use gptq-v2/);
  const tensors = await encoded(V2, weight, backend);
  await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
    using read = await V2.decode(checkpoint, linear(8, 8), stored(4, 8), backend);
    assertSameWeight(read, weight, backend);
    // The same file, said to be version 1: 8 + 1 and 0 + 1.
    using other = await V1.decode(checkpoint, linear(8, 8), stored(4, 8), backend);
    assert.deepEqual([...backend.downloadBytes(other.zeros)], [9, 9, 9, 9, 9, 9, 9, 1]);
  });
});

Deno.test("gptq.check() refuses what the format cannot hold, and names the linear", async () => {
  for (const bits of [2, 3, 4, 8]) V1.check(linear(32, 64), grid({ bits, groupSize: 32 }));
  const cases = [
    [linear(32, 64), grid({ bits: 5 }), /holds 2, 3, 4 or 8 bits, not the 5 of l/],
    [linear(12, 64), grid(), /packs 8 integers of 4 bits together.*\[12, 64\] of l/],
    [linear(16, 60), grid({ groupSize: 4 }), /which does not divide \[16, 60\] of l/],
    [linear(16, 64), grid({ bits: 3 }), /packs 32 integers of 3 bits together/],
    [linear(32, 64), grid({ groupSize: 24 }), /cannot cut the 64 inputs of l into groups of 24/],
  ] as const;
  for (const [info, wanted, text] of cases) {
    for (const format of [V1, V2]) {
      assert.equal((await refused(() => format.check(info, wanted), text)).tensor, "l");
    }
  }
});

Deno.test("gptq.decode() refuses tensors that are missing or lie about themselves", async () => {
  using random = randomWeight(backend, grid(), [16, 32]);
  using weight = raised(random);
  const good = await encoded(V1, weight, backend);
  const owners = (change: (k: number) => number): RawTensor => [
    "I32",
    [32],
    Int32Array.from({ length: 32 }, (_, k) => change(k)),
  ];
  const bad: [string, RawTensor | undefined, RegExp][] = [
    ["l.qweight", undefined, /^Tensor l\.qweight is missing/],
    ["l.qzeros", undefined, /^Tensor l\.qzeros is missing/],
    ["l.scales", undefined, /^Tensor l\.scales is missing/],
    ["l.qweight", ["I32", [16, 4], new Int32Array(64)], /is I32 \[16, 4\] where .* \[4, 16\]/],
    ["l.qweight", ["F32", [4, 16], new Float32Array(64)], /is F32 \[4, 16\] where/],
    ["l.qzeros", ["I32", [4, 1], new Int32Array(4)], /is I32 \[4, 1\] where .* I32 \[4, 2\]/],
    ["l.scales", ["F16", [4, 8], new Float16Array(32)], /is F16 \[4, 8\] where/],
    ["l.scales", ["F16", [4, 16], new Float16Array(64).fill(NaN)], /scales that are not finite/],
    ["l.g_idx", ["I32", [31], new Int32Array(31)], /is I32 \[31\] where .* \[32\]/],
    [
      "l.g_idx",
      owners((k) => k < 9 ? 0 : Math.floor(k / 8)),
      /gives group 0 more than its 8 inputs/,
    ],
    [
      "l.g_idx",
      owners((k) => k === 31 ? 1 << 30 : Math.floor(k / 8)),
      /input 31 into group 1073741824/,
    ],
    ["l.g_idx", owners((k) => k === 31 ? -1 : Math.floor(k / 8)), /input 31 into group -1 of 4/],
    ["l.qzeros", ["I32", [4, 2], new Int32Array(8).fill(-1)], /stores a zero point as 15/],
  ];
  for (const [name, tensor, text] of bad) {
    const tensors = { ...good };
    if (tensor === undefined) delete tensors[name];
    else tensors[name] = tensor;
    await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
      const decode = () => V1.decode(checkpoint, linear(16, 32), stored(4, 8), backend);
      assert.equal((await refused(decode, text)).tensor, name);
    });
  }
  const { "l.g_idx": _owners, ...without } = good;
  await withCheckpoint(backend, without, {}, async (checkpoint) => {
    (await V1.decode(checkpoint, linear(16, 32), stored(4, 8), backend))[Symbol.dispose]();
    const wrong = () => V1.decode(checkpoint, linear(16, 32), stored(4, 5), backend);
    await refused(wrong, /Linear l \[16, 32\] cannot have groups of 5/);
    const bits = () => V1.decode(checkpoint, linear(12, 32), stored(4, 8), backend);
    await refused(bits, /Linear l \[12, 32\] does not fill whole words of 4 bits/);
  });
});

Deno.test("gptq leaves no memory behind", async () => {
  const fresh = createReferenceBackend();
  {
    using weight = randomWeight(fresh, grid({ bits: 3, groupSize: 32 }), [32, 64]);
    const tensors = await encoded(V2, weight, fresh);
    await withCheckpoint(fresh, tensors, {}, async (checkpoint) => {
      using _read = await V2.decode(checkpoint, linear(32, 64), stored(3, 32), fresh);
    });
  }
  assert.equal(fresh.allocatedBytes(), 0);
  fresh[Symbol.dispose]();
});

/** A weight whose column j belongs to input `order[j]`. */
function ordered(weight: QuantizedWeight, order: Int32Array) {
  const { grid: own, codes, scales, zeros } = weight;
  return { grid: own, codes, scales, zeros, inputOrder: order, [Symbol.dispose]: () => {} };
}

Deno.test("groups of any inputs are written and read back, in GPTQ and in pack-quantized", async () => {
  const orders = fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { minLength: 64, maxLength: 64 });
  await fc.assert(
    fc.asyncProperty(
      orders,
      fc.constantFrom(V1, V2, PLANAR, packQuantized),
      async (columns, format) => {
        using random = randomWeight(backend, grid({ groupSize: 16, bits: 4 }), [32, 64]);
        using weight = raised(random);
        const tensors = await encoded(format, ordered(weight, Int32Array.from(columns)), backend);
        await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
          using read = await format.decode(checkpoint, linear(32, 64), stored(4, 16), backend);
          const [theirs, ours] = [
            backend.downloadBytes(read.codes),
            backend.downloadBytes(weight.codes),
          ];
          // Inputs may change places within a group, and their codes with them.
          const order = read.inputOrder ?? Int32Array.from({ length: 64 }, (_, k) => k);
          for (let n = 0; n < 32; n++) {
            for (let j = 0; j < 64; j++) {
              const at = columns.indexOf(order[j]!);
              assert.equal(theirs[n * 64 + j], ours[n * 64 + at]);
              assert.equal(Math.floor(at / 16), Math.floor(j / 16));
            }
          }
          assert.deepEqual(backend.download(read.scales), backend.download(weight.scales));
          assert.deepEqual(backend.downloadBytes(read.zeros), backend.downloadBytes(weight.zeros));
        });
      },
    ),
    { numRuns: 20 },
  );
});

Deno.test("a g_idx of -1 says nothing", async () => {
  using weight = randomWeight(backend, grid(), [16, 32]);
  const tensors = await encoded(packQuantized, weight, backend);
  tensors["l.weight_g_idx"] = ["I32", [32], new Int32Array(32).fill(-1)];
  await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
    using read = await packQuantized.decode(checkpoint, linear(16, 32), stored(4, 8), backend);
    assert.equal(read.inputOrder, undefined);
    assertSameWeight(read, weight, backend);
  });
});
