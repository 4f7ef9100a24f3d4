/**
 * A small model made from a seed, with what makes real models hard to quantize.
 *
 * @module
 */

import { createCheckpointWriter } from "../checkpoint/create_checkpoint_writer.ts";
import type { JsonObject } from "../checkpoint/types.ts";
import { seededRandom } from "../random.ts";

/** What is odd about the model's weights. */
export type Oddity = "none" | "dead" | "nan";

/** What {@linkcode writeSyntheticModel} makes. */
export interface SyntheticModel {
  /**
   * `"dead"`: some input channels are always 0, and some groups of weights are all zero or all equal.
   * `"nan"`: one weight of the first block's {@linkcode NAN_LINEAR} is NaN. Default `"none"`.
   */
  readonly oddity?: Oddity;
  /** Key and value heads: 2 for grouped queries, 4 for one each. Default 2. */
  readonly kvHeads?: 2 | 4;
}

/** The linear that has a NaN under the oddity `"nan"`. */
export const NAN_LINEAR = "model.layers.0.mlp.up_proj";

const HIDDEN = 128;
const MLP = 256;
const HEADS = 4;
const VOCABULARY = 64;

/**
 * Writes a Llama of one block: 128 wide, 4 heads, biases in attention, BF16. Its activations differ much from
 * channel to channel, as those of large models do. The same in every run.
 *
 * @param directory The directory to be; it must not exist.
 */
export async function writeSyntheticModel(
  directory: string,
  { oddity = "none", kvHeads = 2 }: SyntheticModel = {},
): Promise<void> {
  const config: JsonObject = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: VOCABULARY,
    hidden_size: HIDDEN,
    intermediate_size: MLP,
    num_hidden_layers: 1,
    num_attention_heads: HEADS,
    num_key_value_heads: kvHeads,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    hidden_act: "silu",
    attention_bias: true,
    tie_word_embeddings: true,
  };
  const kv = HIDDEN / HEADS * kvHeads;
  const block = "model.layers.0";
  const shapes: [string, number[]][] = [
    ["model.embed_tokens.weight", [VOCABULARY, HIDDEN]],
    [`${block}.input_layernorm.weight`, [HIDDEN]],
    [`${block}.self_attn.q_proj.weight`, [HIDDEN, HIDDEN]],
    [`${block}.self_attn.q_proj.bias`, [HIDDEN]],
    [`${block}.self_attn.k_proj.weight`, [kv, HIDDEN]],
    [`${block}.self_attn.k_proj.bias`, [kv]],
    [`${block}.self_attn.v_proj.weight`, [kv, HIDDEN]],
    [`${block}.self_attn.v_proj.bias`, [kv]],
    [`${block}.self_attn.o_proj.weight`, [HIDDEN, HIDDEN]],
    [`${block}.self_attn.o_proj.bias`, [HIDDEN]],
    [`${block}.post_attention_layernorm.weight`, [HIDDEN]],
    [`${block}.mlp.gate_proj.weight`, [MLP, HIDDEN]],
    [`${block}.mlp.up_proj.weight`, [MLP, HIDDEN]],
    [`${block}.mlp.down_proj.weight`, [HIDDEN, MLP]],
    ["model.norm.weight", [HIDDEN]],
  ];
  await using writer = await createCheckpointWriter(directory);
  for (const [name, shape] of shapes) {
    const values = parameter(name, shape);
    if (oddity === "dead") deaden(name, values);
    if (oddity === "nan" && name === `${NAN_LINEAR}.weight`) values[5 * HIDDEN + 3] = NaN;
    await writer.add(name, "BF16", shape, toBf16(values));
  }
  await writer.json("config.json", config);
  await writer.commit();
}

/** Values of a parameter: norms positive with a few large entries, weights about 1 / sqrt(inputs). */
function parameter(name: string, shape: readonly number[]): Float32Array {
  const random = seededRandom(`synthetic ${name}`);
  const size = shape.reduce((product, length) => product * length, 1);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  if (name.endsWith("norm.weight")) {
    return Float32Array.from(
      { length: size },
      (_, k) => Math.exp(0.5 * normal()) * (k % 37 ? 1 : 8),
    );
  }
  const deviation = shape.length === 1 ? 0.1 : name.includes("embed") ? 1 : shape[1]! ** -0.5;
  return Float32Array.from({ length: size }, () => deviation * normal());
}

function deaden(name: string, values: Float32Array): void {
  if (name.endsWith("layernorm.weight")) values.fill(0, 40, 44); // inputs 40 to 43 are always 0
  if (name.endsWith("gate_proj.weight")) values.fill(0, 0, HIDDEN); // a row of zeros
  if (name.endsWith("v_proj.weight")) values.fill(0.25, HIDDEN, 2 * HIDDEN); // a row of one value
  if (name.endsWith("up_proj.weight")) values.fill(0, 3 * HIDDEN, 4 * HIDDEN); // a dead input of down
}

/** Little-endian bytes, rounded half to even. */
function toBf16(values: Float32Array): Uint8Array {
  const bits = new Uint32Array(values.slice().buffer);
  const halves = Uint16Array.from(
    bits,
    (word, i) => Number.isNaN(values[i]) ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16,
  );
  return new Uint8Array(halves.buffer);
}
