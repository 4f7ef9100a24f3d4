import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import fc from "fast-check";
import assert from "node:assert/strict";

const backend = createReferenceBackend();

const anyLayout = fc.record({
  along: fc.constantFrom("out", "in"),
  order: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
});

Deno.test("packing and unpacking gives the codes back, in any layout", async () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }));
  await fc.assert(fc.asyncProperty(sizes, anyLayout, fc.infiniteStream(fc.nat(15)), async (
    [a, b],
    layout,
    stream,
  ) => {
    const shape = layout.along === "out" ? [8 * a, b] : [a, 8 * b];
    const codes = Uint8Array.from({ length: 8 * a * b }, () => stream.next().value);
    using tensor = backend.upload(codes, "U8", shape);
    using words = await backend.packInt4(tensor, layout);
    using back = await backend.unpackInt4(words, layout);
    assert.deepEqual([...back.shape], shape);
    assert.deepEqual(backend.downloadBytes(back), codes);
  }));
});

Deno.test("each nibble holds the neighbour that the order names", async () => {
  await fc.assert(fc.asyncProperty(anyLayout, async (layout) => {
    const shape = layout.along === "out" ? [8, 1] : [1, 8];
    using codes = backend.upload(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), "U8", shape);
    using words = await backend.packInt4(codes, layout);
    const word = new Uint32Array(backend.downloadBytes(words).buffer)[0]!;
    assert.deepEqual(layout.order.map((_, i) => (word >>> (4 * i)) & 15), layout.order);
  }));
});

Deno.test("the words of a matrix lie as AutoAWQ's GEMM layout has them", async () => {
  // 16 outputs, 2 inputs: code of output n and input k is (n + 3 k) mod 16.
  const codes = Uint8Array.from({ length: 32 }, (_, i) => (Math.floor(i / 2) + 3 * (i % 2)) % 16);
  using tensor = backend.upload(codes, "U8", [16, 2]);
  using words = await backend.packInt4(tensor, { along: "out", order: [0, 2, 4, 6, 1, 3, 5, 7] });
  assert.deepEqual(
    [...new Uint32Array(backend.downloadBytes(words).buffer)],
    [0x75316420, 0xfdb9eca8, 0xa8649753, 0x20ec1fdb],
  );
});

Deno.test("codes beyond 4 bits and orders that are none are refused", async () => {
  using codes = backend.upload(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 16), "U8", [1, 8]);
  await assert.rejects(
    () => backend.packInt4(codes, { along: "in", order: [0, 1, 2, 3, 4, 5, 6, 7] }),
    { name: "SalientError", message: /from 0 to 15/ },
  );
  await assert.rejects(
    () => backend.packInt4(codes, { along: "in", order: [0, 1, 2, 3, 4, 5, 6, 6] }),
    { name: "SalientError", message: /each of 0 to 7 once/ },
  );
});
