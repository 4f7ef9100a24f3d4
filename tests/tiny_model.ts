/**
 * Writes tiny models with reproducible random parameters, for tests.
 *
 * The parameters are those of `tools/golden_logits.py`: a hash of the name and the index, so that
 * golden logits need no weights.
 *
 * @module
 */

import type { JsonObject } from "../core/checkpoint/types.ts";

/** How {@linkcode writeTinyModel} writes. */
export interface TinyModelOptions {
  /** Element type of every tensor. Default F32. */
  readonly dtype?: "F32" | "F16" | "BF16" | "F64";
  /** Changes a tensor's values before they are written. */
  readonly edit?: (name: string, values: Float32Array) => void;
  /** Names left out. */
  readonly omit?: readonly string[];
  /** Names and shapes in place of those that the configuration makes. */
  readonly tensors?: readonly (readonly [name: string, shape: readonly number[]])[];
  /** Values of a parameter, in place of {@linkcode tinyParameter}. */
  readonly parameter?: (name: string, shape: readonly number[]) => Float32Array;
}

/** A small Llama: grouped-query attention, two blocks. Spread it and change what a test is about. */
export const TINY_LLAMA: JsonObject = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: "silu",
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 2,
};

/** Numbers in [-0.5, 0.5) from an FNV-1a hash of the name and a bit mixer of the index. */
export function mix(name: string, count: number): Float64Array {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b1)) >>> 0;
    x ^= x >>> 15;
    x = Math.imul(x, 0x2c1b3c6d);
    x ^= x >>> 12;
    x = Math.imul(x, 0x297a2d39);
    x ^= x >>> 15;
    values[i] = (x & 0xffff) / 65536 - 0.5;
  }
  return values;
}

/** Values of the parameter of that name: norms about 1, biases about 0. */
export function tinyParameter(name: string, shape: readonly number[]): Float32Array {
  const values = mix(name, shape.reduce((a, b) => a * b, 1));
  const [offset, scale] = name.endsWith("norm.weight")
    ? [1, 0.5]
    : name.endsWith(".bias")
    ? [0, 0.5]
    : name.endsWith("embed_tokens.weight")
    ? [0, 3.5]
    : [0, 3.5 / Math.sqrt(shape[1] ?? 1)];
  return Float32Array.from(values, (u) => offset + scale * u);
}

/** Names and shapes of the parameters that transformers gives a model of this configuration. */
export function tinyShapes(config: JsonObject): [name: string, shape: number[]][] {
  const number = (key: string, fallback?: number) => Number(config[key] ?? fallback);
  const architecture = String((config.architectures as readonly string[])[0]);
  const [vocab, hidden] = [number("vocab_size"), number("hidden_size")];
  const mlp = number("intermediate_size");
  const heads = number("num_attention_heads");
  const headDim = number("head_dim", hidden / heads);
  const [q, kv] = [heads * headDim, number("num_key_value_heads", heads) * headDim];
  const qwen2 = architecture === "Qwen2ForCausalLM";
  const attentionBias = config.attention_bias === true;
  const linears: [string, number, number, boolean][] = [
    ["self_attn.q_proj", q, hidden, attentionBias || qwen2],
    ["self_attn.k_proj", kv, hidden, attentionBias || qwen2],
    ["self_attn.v_proj", kv, hidden, attentionBias || qwen2],
    ["self_attn.o_proj", hidden, q, attentionBias],
    ["mlp.gate_proj", mlp, hidden, config.mlp_bias === true],
    ["mlp.up_proj", mlp, hidden, config.mlp_bias === true],
    ["mlp.down_proj", hidden, mlp, config.mlp_bias === true],
  ];
  const shapes: [string, number[]][] = [["model.embed_tokens.weight", [vocab, hidden]]];
  for (let i = 0; i < number("num_hidden_layers"); i++) {
    const block = `model.layers.${i}`;
    for (const [path, out, inputs, bias] of linears) {
      shapes.push([`${block}.${path}.weight`, [out, inputs]]);
      if (bias) shapes.push([`${block}.${path}.bias`, [out]]);
    }
    if (architecture === "Qwen3ForCausalLM") {
      shapes.push([`${block}.self_attn.q_norm.weight`, [headDim]]);
      shapes.push([`${block}.self_attn.k_norm.weight`, [headDim]]);
    }
    shapes.push([`${block}.input_layernorm.weight`, [hidden]]);
    shapes.push([`${block}.post_attention_layernorm.weight`, [hidden]]);
  }
  shapes.push(["model.norm.weight", [hidden]]);
  if (config.tie_word_embeddings !== true) shapes.push(["lm_head.weight", [vocab, hidden]]);
  return shapes;
}

/** Writes `config.json` and `model.safetensors` of a tiny model into an existing directory. */
export async function writeTinyModel(
  directory: string,
  config: JsonObject,
  options: TinyModelOptions = {},
): Promise<void> {
  const dtype = options.dtype ?? "F32";
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, shape] of options.tensors ?? tinyShapes(config)) {
    if (options.omit?.includes(name)) continue;
    const values = (options.parameter ?? tinyParameter)(name, shape);
    options.edit?.(name, values);
    const bytes = toBytes(values, dtype);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    parts.push(bytes);
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  padded.set(json);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  const file = new Blob([length, padded, ...parts] as BlobPart[]);
  await Deno.writeFile(`${directory}/model.safetensors`, new Uint8Array(await file.arrayBuffer()));
  await Deno.writeTextFile(`${directory}/config.json`, JSON.stringify(config));
}

function toBytes(values: Float32Array, dtype: "F32" | "F16" | "BF16" | "F64"): Uint8Array {
  if (dtype === "F32") return new Uint8Array(values.slice().buffer);
  if (dtype === "F64") return new Uint8Array(new Float64Array(values).buffer);
  if (dtype === "F16") return new Uint8Array(new Float16Array(values).buffer);
  const bits = new Uint32Array(values.slice().buffer);
  // Half to even: add just under half, and the last kept bit.
  const halves = Uint16Array.from(bits, (b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16);
  return new Uint8Array(halves.buffer);
}
