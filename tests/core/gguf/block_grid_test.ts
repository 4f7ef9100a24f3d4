import assert from "node:assert/strict";
import { blockGrid, GRID_BITS } from "../../../core/gguf/block_grid.ts";
import { dequantizeBlocks } from "../../../core/gguf/dequantize_blocks.ts";
import { ggmlBytes, type GgmlType } from "../../../core/gguf/ggml_type.ts";

const VALUES = 512;

/** Any blocks whose scales are small, positive or negative, and whose minima are whole multiples of them. */
function blocks(type: GgmlType): Uint8Array<ArrayBuffer> {
  const bytes = crypto.getRandomValues(new Uint8Array(ggmlBytes(type, VALUES)));
  const stride = ggmlBytes(type, type === "Q4_K" ? 256 : 32);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += stride) {
    const scale = (Math.floor(Math.random() * 64) - 32) / 256;
    view.setFloat16(at, scale, true);
    if (type.endsWith("_1")) view.setFloat16(at + 2, -scale * Math.floor(Math.random() * 16), true);
    if (type !== "Q4_K") continue;
    view.setFloat16(at + 2, scale, true);
    bytes.fill(2, at + 4, at + 8); // the first four parts: scales 2, minima 6
    bytes.fill(6, at + 8, at + 12);
    bytes.fill(0x42, at + 12, at + 16); // the others: 2 and 4
  }
  return bytes;
}

for (const [name, bits] of GRID_BITS) {
  const type = name as GgmlType;
  Deno.test(`${type}: integers, scales and zero points mean what the blocks do`, () => {
    for (let run = 0; run < 20; run++) {
      const bytes = blocks(type);
      const found = blockGrid(type, bytes);
      assert.ok(found !== undefined);
      assert.deepEqual([found.bits, found.symmetric, found.exact], [
        bits,
        type.endsWith("_0"),
        true,
      ]);
      const values = dequantizeBlocks(type, bytes);
      for (let k = 0; k < VALUES; k++) {
        const group = Math.floor(k / 32);
        const value: number = (found.codes[k]! - found.zeros[group]!) * found.scales[group]!;
        assert.equal(value + 0, values[k]! + 0);
      }
    }
  });
}

Deno.test("blocks whose minima are no multiples of their scales, or too many of them, lie on no grid", () => {
  for (const type of ["Q4_1", "Q5_1"] as const) {
    const bytes = new Uint8Array(ggmlBytes(type, 32));
    const view = new DataView(bytes.buffer);
    view.setFloat16(0, 0.5, true);
    for (const minimum of [-0.75, 0.5, -32]) {
      view.setFloat16(2, minimum, true);
      assert.equal(blockGrid(type, bytes), undefined, String(minimum));
    }
    view.setFloat16(0, 0, true);
    view.setFloat16(2, -0.75, true);
    assert.equal(blockGrid(type, bytes), undefined, "all of one value");
  }
  const bytes = new Uint8Array(144);
  const view = new DataView(bytes.buffer);
  view.setFloat16(0, 1, true);
  view.setFloat16(2, 1, true);
  bytes.fill(2, 4, 8);
  bytes.fill(3, 8, 12); // minimum 3 of a scale of 2
  assert.equal(blockGrid("Q4_K", bytes), undefined);
  assert.equal(blockGrid("Q6_K", new Uint8Array(210)), undefined);
});

Deno.test("a minimum that was rounded to fp16 is found again, and said not to be exact", () => {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  const scale = Math.f16round(0.0123);
  view.setFloat16(0, scale, true);
  view.setFloat16(2, -11 * scale, true);
  const found = blockGrid("Q4_1", bytes);
  assert.deepEqual([found?.zeros[0], found?.exact], [11, Math.f16round(11 * scale) === 11 * scale]);
  assert.equal(found?.exact, false);
});
