/**
 * Models with the sizes of known ones and seeded random weights.
 *
 * Every weight is cut from one pool of values, so that gigabytes are written as fast as the disk takes them, and
 * the same weights can be written in another format.
 *
 * @module
 */

import { seededNormal, seededUniform } from "./seeded.ts";

/** Sizes of a Llama. */
export interface ModelShape {
  /** Width of the residual stream. */
  readonly hidden: number;
  /** Width inside the MLP. */
  readonly mlp: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads. */
  readonly kvHeads: number;
  /** Tokens in the vocabulary. */
  readonly vocabulary: number;
  /** Blocks. */
  readonly blocks: number;
  /** Whether the head is the embedding. */
  readonly tied: boolean;
}

/** Sizes of Llama-3.2-1B, Llama-2-7B, and of something that takes no time. */
export const SHAPES = {
  "1b": {
    hidden: 2048,
    mlp: 8192,
    heads: 32,
    kvHeads: 8,
    vocabulary: 128256,
    blocks: 16,
    tied: true,
  },
  "7b": {
    hidden: 4096,
    mlp: 11008,
    heads: 32,
    kvHeads: 32,
    vocabulary: 32000,
    blocks: 32,
    tied: false,
  },
  "tiny": {
    hidden: 256,
    mlp: 512,
    heads: 4,
    kvHeads: 2,
    vocabulary: 512,
    blocks: 2,
    tied: true,
  },
} as const satisfies Record<string, ModelShape>;

/** Values in the pool; a multiple of every row's length above would be no gain, of 256 is needed. */
const POOL = 2 ** 23 + 256;

/** A tensor of the model. */
export interface ShapedTensor {
  /** Hugging Face name. */
  readonly name: string;
  /** [N, K], or [H] for a norm, whose values are all 1. */
  readonly shape: readonly number[];
  /** First value in the pool, a multiple of 256; the pool goes on at its start after its end. */
  readonly offset: number;
}

/** The pool: fp32 values that bf16 holds exactly. */
export function makePool(): Float32Array<ArrayBuffer> {
  const pool = seededNormal(POOL, 11, 0.02);
  const words = new Uint32Array(pool.buffer);
  for (let i = 0; i < words.length; i++) words[i] = (words[i]! + 0x8000) & 0xffff0000;
  return pool;
}

/** Every tensor, in the order of the file. */
export function shapedTensors(shape: ModelShape): ShapedTensor[] {
  const { hidden, mlp, heads, kvHeads, vocabulary, blocks, tied } = shape;
  const kv = hidden / heads * kvHeads;
  const next = seededUniform(5);
  const tensor = (name: string, ...sizes: number[]): ShapedTensor => {
    return { name, shape: sizes, offset: Math.floor(next() * POOL / 256) * 256 };
  };
  const block = (i: number): ShapedTensor[] => {
    const at = `model.layers.${i}`;
    return [
      tensor(`${at}.input_layernorm.weight`, hidden),
      tensor(`${at}.self_attn.q_proj.weight`, hidden, hidden),
      tensor(`${at}.self_attn.k_proj.weight`, kv, hidden),
      tensor(`${at}.self_attn.v_proj.weight`, kv, hidden),
      tensor(`${at}.self_attn.o_proj.weight`, hidden, hidden),
      tensor(`${at}.post_attention_layernorm.weight`, hidden),
      tensor(`${at}.mlp.gate_proj.weight`, mlp, hidden),
      tensor(`${at}.mlp.up_proj.weight`, mlp, hidden),
      tensor(`${at}.mlp.down_proj.weight`, hidden, mlp),
    ];
  };
  return [
    tensor("model.embed_tokens.weight", vocabulary, hidden),
    ...Array.from({ length: blocks }, (_, i) => block(i)).flat(),
    tensor("model.norm.weight", hidden),
    ...(tied ? [] : [tensor("lm_head.weight", vocabulary, hidden)]),
  ];
}

/** The config.json of such a model. */
export function shapedConfig(
  shape: ModelShape,
): Record<string, string | number | boolean | string[]> {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: shape.vocabulary,
    hidden_size: shape.hidden,
    intermediate_size: shape.mlp,
    num_hidden_layers: shape.blocks,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.hidden / shape.heads,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: "silu",
    bos_token_id: 1,
    tie_word_embeddings: shape.tied,
    torch_dtype: "bfloat16",
  };
}

/** `length` elements from `offset` on of a pool that is a ring, in pieces that are views of it. */
export function* ringPieces<T extends { subarray(from: number, to: number): T; length: number }>(
  pool: T,
  offset: number,
  length: number,
  piece: number,
): Generator<T> {
  for (let done = 0; done < length;) {
    const from = (offset + done) % pool.length;
    const count = Math.min(piece, pool.length - from, length - done);
    yield pool.subarray(from, from + count);
    done += count;
  }
}
