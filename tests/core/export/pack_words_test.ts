import assert from "node:assert/strict";
import fc from "fast-check";
import { packWords } from "../../../core/export/pack_words.ts";
import { unpackWords } from "../../../core/export/unpack_words.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { bitsAt } from "./exported_linear.ts";

const backend = createReferenceBackend();

async function packed(values: readonly number[], columns: number, bits: number): Promise<number[]> {
  using codes = backend.upload(Uint8Array.from(values), "U8", [values.length / columns, columns]);
  using words = await packWords(codes, bits, backend);
  assert.equal(words.dtype, "I32");
  assert.deepEqual(words.shape, [values.length / columns, Math.ceil(columns * bits / 32)]);
  return [...new Uint32Array(backend.downloadBytes(words).buffer)];
}

Deno.test("packWords() writes words that can be worked out by hand", async () => {
  assert.deepEqual(await packed([0, 1, 2, 3, 4, 5, 6, 7], 8, 4), [0x76543210]);
  assert.deepEqual(await packed([0x12, 0x34, 0x56, 0x78], 4, 8), [0x78563412]);
  assert.deepEqual(await packed(Array.from({ length: 16 }, (_, i) => i % 4), 16, 2), [0xe4e4e4e4]);
  // Ten values fill 30 bits; of the eleventh, 5 = 0b101, two bits are left for the first word.
  const three = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, ...new Array(21).fill(0)];
  assert.deepEqual(await packed(three, 32, 3), [0x40000001, 1, 0]);
  // A row ends in a word of its own.
  assert.deepEqual(await packed([1, 2, 3, 4, 5, 6], 3, 4), [0x321, 0x654]);
});

Deno.test("unpackWords() gives back what packWords() took, and every bit lies where it should", async () => {
  const cases = fc.record({
    bits: fc.integer({ min: 2, max: 8 }),
    rows: fc.integer({ min: 1, max: 4 }),
    columns: fc.integer({ min: 1, max: 70 }),
    seed: fc.integer(),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ bits, rows, columns, seed }) => {
      const values = Array.from(
        { length: rows * columns },
        (_, i) => (Math.imul(seed + i, 0x9e3779b1) >>> 16) % 2 ** bits,
      );
      const words = await packed(values, columns, bits);
      const width = words.length / rows;
      for (const [i, value] of values.entries()) {
        const row = Math.floor(i / columns);
        assert.equal(bitsAt((at) => words[row * width + at]!, (i % columns) * bits, bits), value);
      }
      using tensor = backend.upload(Uint32Array.from(words), "I32", [rows, width]);
      using read = await unpackWords(tensor, columns, bits, backend);
      assert.deepEqual(read.shape, [rows, columns]);
      assert.deepEqual([...backend.downloadBytes(read)], values);
    }),
    { numRuns: 150 },
  );
});
