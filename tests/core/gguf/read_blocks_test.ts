import assert from "node:assert/strict";
import { decodeBase64 } from "../../golden/base64.ts";
import { dequantizeBlocks } from "../../../core/gguf/dequantize_blocks.ts";
import { GGML_TYPES, ggmlBytes, type GgmlType } from "../../../core/gguf/ggml_type.ts";
import golden from "../../golden/ggml_blocks.json" with { type: "json" };

const BLOCKS: Readonly<Record<string, { readonly blocks: string; readonly values: string }>> =
  golden;

Deno.test("every type of blocks that is read has golden values", () => {
  const blocks = Object.keys(GGML_TYPES).filter((type) => !/^B?F/.test(type));
  assert.deepEqual(Object.keys(BLOCKS).toSorted(), blocks.toSorted());
});

for (const [name, { blocks, values }] of Object.entries(BLOCKS)) {
  const type = name as GgmlType;
  Deno.test(`blocks of ${type} have the values of the package gguf, bit for bit`, () => {
    const bytes = decodeBase64(blocks);
    const expected = new Uint32Array(decodeBase64(values).buffer);
    assert.equal(bytes.length, ggmlBytes(type, expected.length));
    const found = dequantizeBlocks(type, bytes);
    assert.deepEqual(new Uint32Array(found.buffer), expected);
  });
}
