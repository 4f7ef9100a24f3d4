import assert from "node:assert/strict";
import { dequantizeBlocks } from "../core/gguf/dequantize_blocks.ts";
import { encodeBlocks } from "../core/gguf/encode_blocks.ts";
import { GGML_TYPES, ggmlBytes } from "../core/gguf/ggml_type.ts";
import { clientTest, missingPeer } from "./run_child.ts";

const LIBRARY = new URL(
  "../bench/peers/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so",
  import.meta.url,
);
const ROW = {
  parameters: [
    "buffer", // const block * x
    "buffer", // float * y
    "i64", // int64_t k
  ],
  result: "void",
} as const;
const SYMBOLS = {
  dequantize_row_q4_0: ROW,
  dequantize_row_q4_1: ROW,
  dequantize_row_q8_0: ROW,
  dequantize_row_q4_K: ROW,
} as const satisfies Deno.ForeignLibraryInterface;

const VALUES = 256 * 64;
const missing = missingPeer("@node-llama-cpp/linux-x64");

for (const type of ["Q4_0", "Q4_1", "Q8_0", "Q4_K"] as const) {
  clientTest(`ggml's own dequantize_row agrees bit for bit with ours, ${type}`, missing, () => {
    using stack = new DisposableStack();
    const library = stack.adopt(Deno.dlopen(LIBRARY, SYMBOLS), (opened) => opened.close());
    const symbol = `dequantize_row_q${type.slice(1)}` as keyof typeof SYMBOLS;
    function compare(bytes: Uint8Array<ArrayBuffer>): void {
      const theirs = new Float32Array(VALUES);
      library.symbols[symbol](bytes, theirs, BigInt(VALUES));
      const ours = dequantizeBlocks(type, bytes);
      assert.deepEqual(new Uint32Array(ours.buffer), new Uint32Array(theirs.buffer));
    }
    // Any bytes, with scales that are finite.
    const bytes = crypto.getRandomValues(new Uint8Array(ggmlBytes(type, VALUES)));
    const stride = GGML_TYPES[type].bytes;
    for (let at = 0; at < bytes.length; at += stride) {
      bytes[at + 1]! &= 0xbb;
      if (type === "Q4_1" || type === "Q4_K") bytes[at + 3]! &= 0xbb;
    }
    compare(bytes);
    // What we write.
    const groupSize = 256;
    const groups = VALUES / groupSize;
    const most = type === "Q8_0" ? 256 : 16;
    const middle = most / 2;
    const row = {
      codes: Uint8Array.from({ length: VALUES }, () => Math.floor(Math.random() * most)),
      scales: Float32Array.from({ length: groups }, () => Math.f16round(Math.random() * 0.1)),
      zeros: Uint8Array.from(
        { length: groups },
        () => type.endsWith("_0") ? middle : Math.floor(Math.random() * 16),
      ),
      groupSize,
    };
    const written = new Uint8Array(ggmlBytes(type, VALUES));
    encodeBlocks(type, row, written, 0);
    compare(written);
    const values = new Float32Array(VALUES);
    library.symbols[symbol](written, values, BigInt(VALUES));
    for (let k = 0; k < VALUES; k++) {
      const group = Math.floor(k / groupSize);
      const [scale, zero] = [row.scales[group]!, row.zeros[group]!];
      const exact = (row.codes[k]! - zero) * scale;
      const allowed = type === "Q4_1" ? zero * scale * 2 ** -11 : 0;
      assert.ok(Math.abs(values[k]! - exact) <= allowed + (type === "Q4_1" ? 1e-7 : 0));
    }
    return Promise.resolve();
  });
}
