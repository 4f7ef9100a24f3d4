import assert from "node:assert/strict";
import { dequantizeBlocks } from "../core/gguf/dequantize_blocks.ts";
import { encodeBlocks } from "../core/gguf/encode_blocks.ts";
import { GGML_TYPES, ggmlBytes, type GgmlType } from "../core/gguf/ggml_type.ts";
import { clientTest, missingPeer, PEERS } from "./run_child.ts";

const LIBRARY = new URL("@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so", PEERS);
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
  dequantize_row_q5_0: ROW,
  dequantize_row_q5_1: ROW,
  dequantize_row_q8_0: ROW,
  dequantize_row_q2_K: ROW,
  dequantize_row_q3_K: ROW,
  dequantize_row_q4_K: ROW,
  dequantize_row_q5_K: ROW,
  dequantize_row_q6_K: ROW,
  dequantize_row_iq4_nl: ROW,
  dequantize_row_iq4_xs: ROW,
} as const satisfies Deno.ForeignLibraryInterface;

/** First bytes of the fp16 numbers of a block: 0 where it is not said. */
const SCALES: Readonly<Partial<Record<GgmlType, readonly number[]>>> = {
  Q4_1: [0, 2],
  Q5_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
};

const BLOCKS = (Object.keys(GGML_TYPES) as GgmlType[]).filter((type) => !/^B?F/.test(type));
const WRITTEN: readonly GgmlType[] = ["Q4_0", "Q4_1", "Q8_0", "Q4_K"];
const VALUES = 256 * 64;
const missing = missingPeer("@node-llama-cpp/linux-x64");

for (const type of BLOCKS) {
  clientTest(`ggml's own dequantize_row agrees bit for bit with ours, ${type}`, missing, () => {
    using stack = new DisposableStack();
    const library = stack.adopt(Deno.dlopen(LIBRARY, SYMBOLS), (opened) => opened.close());
    const symbol = `dequantize_row_${
      type.endsWith("_K") ? `q${type.slice(1)}` : type.toLowerCase()
    }` as keyof typeof SYMBOLS;
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
      for (const scale of SCALES[type] ?? [0]) bytes[at + scale + 1]! &= 0xbb;
    }
    compare(bytes);
    if (!WRITTEN.includes(type)) return Promise.resolve();
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
