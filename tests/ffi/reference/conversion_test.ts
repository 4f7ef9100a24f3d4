import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import assert from "node:assert/strict";
import { golden } from "./golden.ts";

const backend = createReferenceBackend();

/** The value of a float's bits by the definition: sign, exponent, fraction. */
function valueOf(
  bits: number,
  format: { exponentBits: number; fractionBits: number; infinities: boolean },
): number {
  const { exponentBits, fractionBits, infinities } = format;
  const sign = bits >> (exponentBits + fractionBits) ? -1 : 1;
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1);
  const fraction = bits & (2 ** fractionBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) {
    if (infinities) return fraction === 0 ? sign * Infinity : NaN;
    if (fraction === 2 ** fractionBits - 1) return NaN;
  }
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
}

Deno.test("all 65,536 halves and bfloats have the value of their definition", () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  for (const [dtype, exponentBits] of [["F16", 5], ["BF16", 8]] as const) {
    const format = { exponentBits, fractionBits: 15 - exponentBits, infinities: true };
    using tensor = backend.upload(bits, dtype, [65536]);
    const values = backend.download(tensor);
    for (let i = 0; i < bits.length; i++) {
      if (!Object.is(values[i], valueOf(i, format))) {
        assert.fail(`${dtype} ${i.toString(16)} is ${values[i]} not ${valueOf(i, format)}`);
      }
    }
  }
});

Deno.test("all 256 F8_E4M3 have the value of their definition, and torch's", () => {
  using tensor = backend.upload(Uint8Array.from({ length: 256 }, (_, i) => i), "F8_E4M3", [256]);
  const format = { exponentBits: 4, fractionBits: 3, infinities: false };
  backend.download(tensor).forEach((value, i) => {
    assert.ok(Object.is(value, valueOf(i, format)), `${i} is ${value}`);
    assert.ok(Object.is(value, golden.casts.f8[i] ?? NaN), `${i} is ${value}`);
  });
});

Deno.test("fp32 is rounded to 16 bits as torch rounds it", async () => {
  const source = backend.upload(Uint32Array.from(golden.casts.f32), "F32", [
    golden.casts.f32.length,
  ]);
  for (
    const [dtype, expected] of [["F16", golden.casts.f16], ["BF16", golden.casts.bf16]] as const
  ) {
    using result = await backend.cast(source, dtype);
    assert.deepEqual([...new Uint16Array(backend.downloadBytes(result).buffer)], expected);
  }
});

Deno.test("ties go to the even neighbour", async () => {
  // Between 1 and the next half 1 + 2^-10, and between that and the one after.
  const ties = Float32Array.of(
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    65519,
    65520,
    2 ** -25,
    3 * 2 ** -25,
  );
  using source = backend.upload(ties, "F32", [6]);
  using half = await backend.cast(source, "F16");
  assert.deepEqual([...backend.download(half)], [1, 1 + 2 ** -9, 65504, Infinity, 0, 2 ** -23]);
  const wide = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8);
  using other = backend.upload(wide, "F32", [2]);
  using bfloat = await backend.cast(other, "BF16");
  assert.deepEqual([...backend.download(bfloat)], [1, 1 + 2 ** -6]);
});

Deno.test("whole numbers become fp32, but are not cast", async () => {
  for (
    const [dtype, data, expected] of [
      ["I64", BigInt64Array.of(-3n, 2n ** 40n), [-3, 2 ** 40]],
      ["I32", Int32Array.of(-7, 9), [-7, 9]],
      ["I8", Int8Array.of(-128, 127), [-128, 127]],
      ["U8", Uint8Array.of(0, 255), [0, 255]],
      ["BOOL", Uint8Array.of(0, 1), [0, 1]],
    ] as const
  ) {
    using tensor = backend.upload(data, dtype, [2]);
    assert.deepEqual([...backend.download(tensor)], expected);
    await assert.rejects(() => backend.cast(tensor, "F16"), {
      name: "SalientError",
      message: /must be F64 or F32 or F16 or BF16 or F8_E4M3/,
    });
  }
});
