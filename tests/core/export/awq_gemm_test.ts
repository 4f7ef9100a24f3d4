import assert from "node:assert/strict";
import fc from "fast-check";
import type { QuantizedWeight } from "../../../core/backend.ts";
import { awqGemm } from "../../../core/export/awq_gemm.ts";
import type { StoredTensor } from "../../../core/export/types.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { refused } from "../checkpoint/checkpoint_files.ts";
import {
  grid,
  linear,
  randomWeight,
  type RawTensor,
  storedAs,
  weightOf,
  withCheckpoint,
} from "./exported_linear.ts";

const backend = createReferenceBackend();
const STORED = storedAs(4, 8);

/** What `encode` gives, as bytes by name. */
async function encoded(weight: QuantizedWeight): Promise<Record<string, RawTensor>> {
  const tensors: Record<string, RawTensor> = {};
  for (const { suffix, dtype, tensor } of await awqGemm.encode(weight, backend)) {
    tensors[`l${suffix}`] = [dtype, tensor.shape, backend.downloadBytes(tensor)];
    tensor[Symbol.dispose]();
  }
  return tensors;
}

/** An I32 tensor's words. */
function words(tensor: RawTensor | undefined): Uint32Array {
  assert.equal(tensor?.[0], "I32");
  return new Uint32Array(tensor[2].buffer.slice(0));
}

Deno.test("awqGemm.encode() writes the published golden word", async () => {
  // One input, outputs 0 to 7 with the values 0 to 7, and a second with the values 8 to 15.
  const codes = Array.from({ length: 16 }, (_, i) => (i % 2) * 8 + Math.floor(i / 2));
  const ones = new Array(8).fill(1);
  const zeros = [7, 6, 5, 4, 3, 2, 1, 0];
  using weight = weightOf(backend, grid({ groupSize: 2 }), [8, 2], codes, ones, zeros);
  const tensors = await encoded(weight);
  assert.deepEqual([...words(tensors["l.qweight"])], [0x75316420, 0xfdb9eca8]);
  // Channel 7 - z: even ones 7 5 3 1 from the lowest nibble, then odd ones 6 4 2 0.
  assert.deepEqual([...words(tensors["l.qzeros"])], [0x02461357]);
  assert.deepEqual(tensors["l.qweight"]?.[1], [2, 1]);
  assert.deepEqual(tensors["l.qzeros"]?.[1], [1, 1]);
  assert.deepEqual(tensors["l.scales"]?.slice(0, 2), ["F16", [1, 8]]);
});

Deno.test("awqGemm.encode() stores a symmetric grid with zero point 8 everywhere", async () => {
  const symmetric = grid({ symmetric: true });
  using w = backend.upload(new Float32Array(64).map((_, i) => Math.sin(i)), "F32", [8, 8]);
  using weight = await backend.quantize(w, symmetric);
  assert.deepEqual([...words((await encoded(weight))["l.qzeros"])], [0x88888888]);
});

/**
 * The weights [N][K] that the files mean, found with nothing but the description of the format: output
 * j of a word is in nibble [0, 4, 1, 5, 2, 6, 3, 7][j].
 */
function decodePlainly(
  tensors: Record<string, RawTensor>,
  outputs: number,
  inputs: number,
  groupSize: number,
): number[][] {
  const nibbleOf = [0, 4, 1, 5, 2, 6, 3, 7];
  const qweight = words(tensors["l.qweight"]);
  const qzeros = words(tensors["l.qzeros"]);
  const scales = new Float16Array(tensors["l.scales"]![2].buffer.slice(0));
  const rows: number[][] = [];
  for (let n = 0; n < outputs; n++) {
    const row: number[] = [];
    const shift = 4 * nibbleOf[n % 8]!;
    for (let k = 0; k < inputs; k++) {
      const group = Math.floor(k / groupSize);
      const q = (qweight[k * (outputs / 8) + (n >> 3)]! >>> shift) & 15;
      const z = (qzeros[group * (outputs / 8) + (n >> 3)]! >>> shift) & 15;
      row.push((q - z) * scales[group * outputs + n]!);
    }
    rows.push(row);
  }
  return rows;
}

const shapes = fc.record({
  bits: fc.constantFrom(2, 3, 4),
  groupSize: fc.constantFrom(1, 3, 8, 32),
  groups: fc.integer({ min: 1, max: 5 }),
  octets: fc.integer({ min: 1, max: 5 }),
});

Deno.test("awqGemm.encode() means the weight it was given, to a reader of its own", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ bits, groupSize, groups, octets }) => {
      const [outputs, inputs] = [8 * octets, groups * groupSize];
      using weight = randomWeight(backend, grid({ bits, groupSize }), [outputs, inputs]);
      const rows = decodePlainly(await encoded(weight), outputs, inputs, groupSize);
      const codes = backend.downloadBytes(weight.codes);
      const scales = backend.download(weight.scales);
      const zeros = backend.downloadBytes(weight.zeros);
      for (let n = 0; n < outputs; n++) {
        for (let k = 0; k < inputs; k++) {
          const group = n * groups + Math.floor(k / groupSize);
          const value = (codes[n * inputs + k]! - zeros[group]!) * scales[group]!;
          assert.equal(rows[n]![k], value);
        }
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("awqGemm.decode() gives back what awqGemm.encode() wrote", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, fc.boolean(), async ({ bits, groupSize, groups, octets }, whole) => {
      const inputs = groups * groupSize;
      const used = whole ? inputs : groupSize;
      const shape = [8 * octets, inputs] as const;
      using weight = randomWeight(backend, grid({ bits, groupSize: used }), shape);
      const stored = storedAs(bits, whole ? -1 : used);
      await withCheckpoint(backend, await encoded(weight), {}, async (checkpoint) => {
        using read = await awqGemm.decode(checkpoint, linear(...shape), stored, backend);
        assert.deepEqual(read.grid, grid({ bits, groupSize: used }));
        for (const part of ["codes", "scales", "zeros"] as const) {
          assert.deepEqual([read[part].dtype, read[part].shape], [
            weight[part].dtype,
            weight[part].shape,
          ]);
          assert.deepEqual(backend.downloadBytes(read[part]), backend.downloadBytes(weight[part]));
        }
      });
    }),
    { numRuns: 25 },
  );
});

Deno.test("awqGemm leaves no memory behind", async () => {
  const fresh = createReferenceBackend();
  {
    using weight = randomWeight(fresh, grid(), [16, 32]);
    const stored: readonly StoredTensor[] = await awqGemm.encode(weight, fresh);
    const raw: Record<string, RawTensor> = {};
    for (const { suffix, dtype, tensor } of stored) {
      raw[`l${suffix}`] = [dtype, tensor.shape, fresh.downloadBytes(tensor)];
      tensor[Symbol.dispose]();
    }
    await withCheckpoint(fresh, raw, {}, async (checkpoint) => {
      using _read = await awqGemm.decode(checkpoint, linear(16, 32), STORED, fresh);
    });
  }
  assert.equal(fresh.allocatedBytes(), 0);
  fresh[Symbol.dispose]();
});

Deno.test("awqGemm.check() accepts what the format holds", () => {
  for (const bits of [2, 3, 4]) awqGemm.check(linear(16, 32), grid({ bits, groupSize: 16 }));
  awqGemm.check(linear(8, 5), grid({ groupSize: -1 }));
});

Deno.test("awqGemm.check() refuses what the format cannot hold, and names the linear", async () => {
  const cases = [
    [linear(16, 32), grid({ bits: 5 }), /holds at most 4 bits, not the 5 of l: use 4 or fewer/],
    [linear(12, 32), grid(), /needs a multiple of 8 outputs, not the 12 of l/],
    [linear(16, 36), grid(), /cannot cut the 36 inputs of l into groups of 8/],
    [linear(16, 32), grid({ scaleDtype: "BF16" }), /stores scales as F16, not the BF16 of l/],
  ] as const;
  for (const [info, wanted, text] of cases) {
    const error = await refused(() => awqGemm.check(info, wanted), text);
    assert.equal(error.tensor, "l");
  }
});

Deno.test("awqGemm.decode() refuses tensors that are missing or lie about themselves", async () => {
  const good: Record<string, RawTensor> = {
    "l.qweight": ["I32", [32, 2], new Int32Array(64)],
    "l.qzeros": ["I32", [4, 2], new Int32Array(8)],
    "l.scales": ["F16", [4, 16], new Float16Array(64).fill(1)],
  };
  const bad: [string, RawTensor | undefined, RegExp][] = [
    ["l.qweight", undefined, /^Tensor l\.qweight is missing/],
    ["l.qzeros", undefined, /^Tensor l\.qzeros is missing/],
    ["l.scales", undefined, /^Tensor l\.scales is missing/],
    [
      "l.qweight",
      ["I32", [2, 32], new Int32Array(64)],
      /l\.qweight .* is I32 \[2, 32\] where .* I32 \[32, 2\]/,
    ],
    ["l.qweight", ["F32", [32, 2], new Float32Array(64)], /is F32 \[32, 2\] where/],
    ["l.qweight", ["I32", [32, 2, 1], new Int32Array(64)], /is I32 \[32, 2, 1\] where/],
    ["l.qzeros", ["I32", [2, 2], new Int32Array(4)], /l\.qzeros .* is I32 \[2, 2\] where/],
    ["l.scales", ["F16", [16, 4], new Float16Array(64)], /l\.scales .* is F16 \[16, 4\] where/],
    ["l.scales", ["I32", [4, 16], new Int32Array(64)], /needs F16 or BF16 or F32 \[4, 16\]/],
    ["l.scales", ["F16", [4, 16], new Float16Array(64).fill(NaN)], /scales that are not finite/],
    ["l.scales", ["F16", [4, 16], new Float16Array(64).fill(Infinity)], /scales that are not/],
  ];
  for (const [name, tensor, text] of bad) {
    const tensors = { ...good };
    if (tensor === undefined) delete tensors[name];
    else tensors[name] = tensor;
    await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
      const decode = () => awqGemm.decode(checkpoint, linear(16, 32), STORED, backend);
      const error = await refused(decode, text);
      assert.equal(error.tensor, name);
    });
  }
  await withCheckpoint(backend, good, {}, async (checkpoint) => {
    const decode = (outputs: number, groupSize: number) => () =>
      awqGemm.decode(checkpoint, linear(outputs, 32), storedAs(4, groupSize), backend);
    await refused(decode(16, 5), /Linear l \[16, 32\] cannot have groups of 5/);
    await refused(decode(12, 8), /Linear l \[12, 32\] cannot be stored as AWQ/);
    (await decode(16, 8)())[Symbol.dispose]();
  });
});

Deno.test("awqGemm.decode() refuses integers of more bits than the checkpoint claims", async () => {
  const stored = storedAs(3, 8);
  for (const place of ["l.qweight", "l.qzeros"]) {
    using weight = randomWeight(backend, grid({ bits: 3 }), [16, 32]);
    const tensors = await encoded(weight);
    const changed = words(tensors[place]);
    changed[changed.length - 1]! |= 0x00080000;
    tensors[place] = ["I32", tensors[place]![1], changed];
    await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
      const error = await refused(
        () => awqGemm.decode(checkpoint, linear(16, 32), stored, backend),
        /has integers of more than the 3 bits it claims/,
      );
      assert.equal(error.tensor, place);
    });
  }
});

Deno.test("awqGemm.decode() reads bf16 scales as they are", async () => {
  const scales = new Uint16Array(16).fill(0x3f81);
  const tensors: Record<string, RawTensor> = {
    "l.qweight": ["I32", [8, 2], new Int32Array(16)],
    "l.qzeros": ["I32", [1, 2], new Int32Array(2)],
    "l.scales": ["BF16", [1, 16], scales],
  };
  await withCheckpoint(backend, tensors, {}, async (checkpoint) => {
    using weight = await awqGemm.decode(checkpoint, linear(16, 8), STORED, backend);
    assert.equal(weight.grid.scaleDtype, "BF16");
    assert.deepEqual([...backend.download(weight.scales)], new Array(16).fill(1.0078125));
  });
});
