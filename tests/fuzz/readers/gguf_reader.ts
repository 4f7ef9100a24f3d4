/**
 * Fuzzes GGUF files with blocks of every type.
 *
 * @module
 */

import { GGML_TYPES, ggmlBytes, type GgmlType } from "../../../core/gguf/ggml_type.ts";
import { ggufHeader } from "../../../core/gguf/gguf_header.ts";
import type { GgufValue } from "../../../core/gguf/gguf_value.ts";
import { sizeOf } from "../../../core/tensor.ts";
import { loadTokenizer } from "../../../core/tokenizer/load_tokenizer.ts";
import type { Files, FuzzReader } from "../fuzz_reader.ts";
import { joined } from "../mutate/mutate_bytes.ts";
import { readModel } from "./read_model.ts";

const FILE = "m.gguf";
/** Whole blocks of every type. */
const WIDTH = 256;
const HEADS = 4;
const WORDS = ["<unk>", "<s>", "</s>", "a", "b", "c", "ab", "Ġa"];

/** One file for each type of blocks, which all linears have. */
export const ggufReader: FuzzReader = {
  name: "gguf",
  corpus() {
    const types = Object.keys(GGML_TYPES) as GgmlType[];
    return Promise.resolve(
      types.flatMap((type): Files[] =>
        ["gpt2", "llama"].map((kind) => new Map([[FILE, ggufFile(type, kind)]]))
      ),
    );
  },
  async read(directory, backend) {
    await readModel(`${directory}/${FILE}`, backend);
    const tokenizer = await loadTokenizer(`${directory}/${FILE}`);
    tokenizer.decode(tokenizer.encode("a b ab"));
  },
};

/** A model of one block with some numbers. */
function ggufFile(type: GgmlType, kind: string): Uint8Array<ArrayBuffer> {
  const shapes: [string, number[], GgmlType][] = [
    ["token_embd.weight", [WORDS.length, WIDTH], "F16"],
    ["blk.0.attn_norm.weight", [WIDTH], "F32"],
    ["blk.0.ffn_norm.weight", [WIDTH], "F32"],
    ["blk.0.attn_q.weight", [WIDTH, WIDTH], type],
    ["blk.0.attn_k.weight", [WIDTH / 2, WIDTH], type],
    ["blk.0.attn_v.weight", [WIDTH / 2, WIDTH], type],
    ["blk.0.attn_output.weight", [WIDTH, WIDTH], type],
    ["blk.0.ffn_gate.weight", [8, WIDTH], type],
    ["blk.0.ffn_up.weight", [8, WIDTH], type],
    // 8 inputs make no block.
    ["blk.0.ffn_down.weight", [WIDTH, 8], "F16"],
    ["output_norm.weight", [WIDTH], "F32"],
  ];
  let offset = 0;
  const heads = shapes.map(([name, shape, type]) => {
    const head = { name, shape, type, offset };
    offset = Math.ceil((offset + ggmlBytes(type, sizeOf(shape))) / 32) * 32;
    return head;
  });
  // Small numbers in fp16, fp32 and bf16 alike, and scales of blocks likewise.
  const data = Uint8Array.from({ length: offset }, (_, i) => i % 2 === 0 ? i * 7 : 0x38);
  return joined(ggufHeader(metadata(kind), heads), data);
}

function metadata(kind: string): ReadonlyMap<string, GgufValue> {
  const u32 = (value: number): GgufValue => ({ type: "u32", value });
  const text = (value: string): GgufValue => ({ type: "string", value });
  const values: [string, GgufValue][] = [
    ["general.architecture", text("llama")],
    ["general.alignment", u32(32)],
    ["llama.block_count", u32(1)],
    ["llama.context_length", u32(64)],
    ["llama.embedding_length", u32(WIDTH)],
    ["llama.feed_forward_length", u32(8)],
    ["llama.attention.head_count", u32(HEADS)],
    ["llama.attention.head_count_kv", u32(HEADS / 2)],
    ["llama.attention.layer_norm_rms_epsilon", { type: "f32", value: 1e-5 }],
    ["llama.rope.freq_base", { type: "f32", value: 10000 }],
    ["llama.rope.scaling.type", text("linear")],
    ["llama.rope.scaling.factor", { type: "f32", value: 2 }],
    ["tokenizer.ggml.model", text(kind)],
    ["tokenizer.ggml.pre", text("gpt-2")],
    ["tokenizer.ggml.tokens", { type: "strings", value: WORDS }],
    ["tokenizer.ggml.token_type", { type: "i32s", value: Int32Array.of(2, 3, 3, 1, 1, 1, 1, 1) }],
    ["tokenizer.ggml.scores", { type: "f32s", value: Float32Array.of(0, 0, 0, 1, 2, 3, 4, 5) }],
    ["tokenizer.ggml.merges", { type: "strings", value: ["a b"] }],
    ["tokenizer.ggml.bos_token_id", u32(1)],
    ["tokenizer.ggml.eos_token_id", u32(2)],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: true }],
  ];
  return new Map(values);
}
