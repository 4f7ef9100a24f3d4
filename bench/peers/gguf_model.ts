/**
 * Writes a model of seeded weights as GGUF version 3 for llama.cpp: the same weights that the safetensors have.
 *
 * @module
 */

import { makePool, type ModelShape, ringPieces, shapedTensors } from "../shaped_model.ts";
import { Q4_0_BYTES, toQ4_0 } from "./q4_0.ts";
import { Q8_0_BYTES, toQ8_0 } from "./q8_0.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How matrices are stored: all plain; blocks in Q4_0 and the embedding in fp16 or Q8_0; all in Q4_0. */
export type GgufForm = "f32" | "q4_0, head f16" | "q4_0, head q8_0" | "q4_0";

const F32 = 0;
const F16 = 1;
const Q4_0 = 2;
const Q8_0 = 8;
const ALIGNMENT = 32;
const PIECE = 2 ** 21;

/** Builds the header. */
class Fields {
  readonly #parts: Bytes[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(part: Bytes): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }

  u32(value: number): this {
    return this.bytes(new Uint8Array(Uint32Array.of(value).buffer));
  }

  u64(value: number): this {
    return this.bytes(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  f32(value: number): this {
    return this.bytes(new Uint8Array(Float32Array.of(value).buffer));
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u64(bytes.length).bytes(bytes);
  }

  key(name: string, value: number | string, type: "u32" | "f32" | "text" = "u32"): this {
    this.text(name);
    if (type === "text") return this.u32(8).text(String(value));
    return type === "f32" ? this.u32(6).f32(Number(value)) : this.u32(4).u32(Number(value));
  }

  joined(): Bytes {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** llama.cpp's name of a tensor. */
function ggufName(name: string): string {
  const roles: Record<string, string> = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
  };
  if (name === "model.embed_tokens.weight") return "token_embd.weight";
  if (name === "model.norm.weight") return "output_norm.weight";
  if (name === "lm_head.weight") return "output.weight";
  const match = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name);
  const role = roles[match?.[2] ?? ""];
  if (match === null || role === undefined) throw new Error(`No GGUF name for ${name}`);
  return `blk.${match[1]}.${role}.weight`;
}

/** Metadata: architecture, sizes, and a vocabulary of 256 bytes and made-up words. */
function metadata(shape: ModelShape, fields: Fields): void {
  const { hidden, heads, vocabulary } = shape;
  const tokens = Array.from({ length: vocabulary }, (_, i) => {
    if (i < 3) return ["<unk>", "<s>", "</s>"][i]!;
    return i < 259 ? `<0x${(i - 3).toString(16).toUpperCase().padStart(2, "0")}>` : `\u2581w${i}`;
  });
  // Kinds of SentencePiece: 2 unknown, 3 control, 6 byte, 1 normal.
  const kinds = tokens.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1));
  fields.key("general.architecture", "llama", "text").key("general.name", "seeded", "text")
    .key("general.alignment", ALIGNMENT).key("llama.context_length", 4096)
    .key("llama.embedding_length", hidden).key("llama.block_count", shape.blocks)
    .key("llama.feed_forward_length", shape.mlp).key("llama.attention.head_count", heads)
    .key("llama.attention.head_count_kv", shape.kvHeads)
    .key("llama.rope.dimension_count", hidden / heads).key("llama.rope.freq_base", 10000, "f32")
    .key("llama.attention.layer_norm_rms_epsilon", 1e-5, "f32")
    .key("llama.vocab_size", vocabulary).key("tokenizer.ggml.model", "llama", "text")
    .key("tokenizer.ggml.bos_token_id", 1).key("tokenizer.ggml.eos_token_id", 2)
    .key("tokenizer.ggml.unknown_token_id", 0);
  fields.text("tokenizer.ggml.tokens").u32(9).u32(8).u64(vocabulary);
  for (const token of tokens) fields.text(token);
  fields.text("tokenizer.ggml.scores").u32(9).u32(6).u64(vocabulary);
  fields.bytes(new Uint8Array(new Float32Array(vocabulary).buffer));
  fields.text("tokenizer.ggml.token_type").u32(9).u32(5).u64(vocabulary);
  fields.bytes(new Uint8Array(Int32Array.from(kinds).buffer));
}
/** Keys that {@linkcode metadata} writes. */
const KEYS = 20;

function typeOf(name: string, sizes: readonly number[], form: GgufForm): number {
  if (sizes.length === 1 || form === "f32") return F32;
  if (name !== "model.embed_tokens.weight") return Q4_0;
  return form === "q4_0, head f16" ? F16 : form === "q4_0, head q8_0" ? Q8_0 : Q4_0;
}

function bytesOf(type: number, size: number): number {
  if (type === Q4_0) return size / 32 * Q4_0_BYTES;
  return type === Q8_0 ? size / 32 * Q8_0_BYTES : type === F16 ? size * 2 : size * 4;
}

function padding(length: number): Bytes {
  return new Uint8Array((ALIGNMENT - length % ALIGNMENT) % ALIGNMENT);
}

/**
 * Where row n of q and k comes from: llama.cpp turns neighbouring channels of a head where Hugging Face turns
 * those half a head apart, so its files have them in another order.
 */
function sourceRow(name: string, shape: ModelShape, n: number): number {
  if (!/[qk]_proj/.test(name)) return n;
  const size = shape.hidden / shape.heads;
  const within = n % size;
  return n - within + (within % 2) * (size / 2) + (within >> 1);
}

/** Writes the file. */
export async function writeGguf(path: string, shape: ModelShape, form: GgufForm): Promise<void> {
  const tensors = shapedTensors(shape).map((tensor) => {
    const type = typeOf(tensor.name, tensor.shape, form);
    const size = tensor.shape.reduce((product, length) => product * length, 1);
    return { ...tensor, type, byteLength: bytesOf(type, size) };
  });
  const fields = new Fields().bytes(new TextEncoder().encode("GGUF")).u32(3);
  fields.u64(tensors.length).u64(KEYS);
  metadata(shape, fields);
  let offset = 0;
  for (const { name, shape: sizes, type, byteLength } of tensors) {
    fields.text(ggufName(name)).u32(sizes.length);
    for (const size of sizes.toReversed()) fields.u64(size);
    fields.u32(type).u64(offset);
    offset += byteLength + padding(byteLength).length;
  }
  const pool = makePool();
  const pools: Record<number, Bytes> = {
    [F32]: new Uint8Array(pool.buffer),
    [F16]: new Uint8Array(new Float16Array(pool).buffer),
    [Q4_0]: toQ4_0(pool),
    [Q8_0]: toQ8_0(pool),
  };
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  await writer.write(fields.bytes(padding(fields.length)).joined());
  for (const tensor of tensors) {
    const { name, shape: sizes, type, byteLength } = tensor;
    if (sizes.length === 1) {
      await writer.write(new Uint8Array(new Float32Array(sizes[0]!).fill(1).buffer));
    } else {
      const rowBytes = byteLength / sizes[0]!;
      const start = bytesOf(type, tensor.offset);
      // Rows that stay in order are written many at a time.
      const rows = /[qk]_proj/.test(name) ? 1 : sizes[0]!;
      for (let n = 0; n < sizes[0]!; n += rows) {
        const from = start + sourceRow(name, shape, n) * rowBytes;
        for (const piece of ringPieces(pools[type]!, from, rows * rowBytes, PIECE)) {
          await writer.write(piece);
        }
      }
    }
    await writer.write(padding(byteLength));
  }
  await writer.close();
}
