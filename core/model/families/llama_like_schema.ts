/**
 * The form of a user's description of a family.
 *
 * @module
 */

import * as v from "valibot";
import { type ConfigKey, LLAMA_KEYS, type LlamaLike } from "./llama_like_description.ts";

/** Names, paths and keys: printable and without spaces, so that an error that shows them is one line. */
const word = v.pipe(v.string(), v.regex(/^[!-~]{1,200}$/, "must be 1 to 200 printable characters"));
const prefix = v.pipe(v.string(), v.regex(/^[!-~]{0,200}$/, "must be printable, without spaces"));
const flag = v.union([v.boolean(), word]);
const term = v.strictObject({
  key: word,
  power: v.optional(v.pipe(v.number(), v.minValue(-4), v.maxValue(4))),
});
const scalar = v.union([
  v.pipe(v.number(), v.minValue(1e-9), v.maxValue(1e9)),
  v.pipe(v.array(term), v.minLength(1), v.maxLength(8)),
]);
const plain = v.union([v.null(), v.boolean(), v.number(), v.string()]);
const values = v.union([plain, v.pipe(v.array(plain), v.maxLength(4096))]);
const activation = v.picklist(["silu", "gelu", "gelu_tanh", "relu", "relu2", "quick_gelu"]);

/** Linears that a block may have. */
const LINEARS = ["q", "k", "v", "qkv", "o", "gate", "up", "gateUp", "down"] as const;

function few<T extends v.GenericSchema>(schema: T) {
  return v.pipe(
    v.record(word, schema),
    v.check((record) => Object.keys(record).length <= 64, "must have at most 64 keys"),
  );
}

/** An object of which each key may be left out. */
function some<K extends string, T extends v.GenericSchema>(keys: readonly K[], schema: T) {
  const entries = Object.fromEntries(keys.map((key) => [key, v.optional(schema)]));
  return v.strictObject(entries as { readonly [key in K]: v.OptionalSchema<T, undefined> });
}

/** What a file may say, key by key. */
export const llamaLikeSchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits, . _ or -")),
  architectures: v.pipe(v.array(word), v.minLength(1), v.maxLength(64)),
  config: v.optional(word),
  defaults: v.optional(few(values)),
  keys: v.optional(some(Object.keys(LLAMA_KEYS) as ConfigKey[], word)),
  only: v.optional(few(v.pipe(v.array(plain), v.maxLength(64)))),
  places: v.optional(v.pipe(
    v.array(v.strictObject({ model: prefix, head: word })),
    v.minLength(1),
    v.maxLength(16),
  )),
  names: v.optional(some(["embedding", "blocks", "finalNorm"], word)),
  linears: v.optional(some(LINEARS, word)),
  fusedOrder: v.optional(v.picklist(["kinds", "groups"])),
  biases: v.optional(some(LINEARS, flag)),
  norms: v.optional(v.strictObject({
    kind: v.optional(v.picklist(["rms", "layer"])),
    offset: v.optional(v.pipe(v.number(), v.minValue(-16), v.maxValue(16))),
    bias: v.optional(v.boolean()),
    plain: v.optional(v.boolean()),
    attention: v.optional(word),
    mlp: v.optional(word),
    postAttention: v.optional(word),
    postMlp: v.optional(word),
    heads: v.optional(v.strictObject({
      q: word,
      k: word,
      over: v.picklist(["head", "heads", "row"]),
      when: v.optional(flag),
    })),
  })),
  order: v.optional(v.picklist(["sequential", "parallel", "after"])),
  parallelWhen: v.optional(word),
  windows: v.optional(v.strictObject({
    blocks: v.picklist(["all", "layer_types"]),
    from: v.optional(word),
    every: v.optional(word),
    when: v.optional(word),
  })),
  rope: v.optional(v.strictObject({
    interleaved: v.optional(v.boolean()),
    partial: v.optional(v.boolean()),
    blocks: v.optional(v.union([
      v.picklist(["windowed", "windowedOrAll"]),
      v.strictObject({ list: word, every: word }),
    ])),
    localTheta: v.optional(word),
  })),
  activations: v.optional(few(activation)),
  embeddingScale: v.optional(scalar),
  embeddingScaleRounded: v.optional(v.boolean()),
  attentionScale: v.optional(scalar),
  residualScale: v.optional(scalar),
  logitScale: v.optional(scalar),
  attentionSoftcap: v.optional(word),
  logitSoftcap: v.optional(word),
});

/** What is wrong with parts that are well-formed each by itself: the key and what it must be; undefined for nothing. */
export function descriptionFault(
  { linears, biases = {}, norms, order, parallelWhen }: LlamaLike,
): readonly [key: string, must: string] | undefined {
  if (linears !== undefined) {
    const keys = Object.keys(linears).sort().join(" ");
    const attention = ["k o q v", "o qkv"];
    const mlp = ["down gate up", "down gateUp", "down up"];
    const fits = attention.some((a) =>
      mlp.some((m) => keys === `${a} ${m}`.split(" ").sort().join(" "))
    );
    if (!fits) {
      return ["linears", "must name q, k, v or qkv; o; gate and up, gateUp, or up alone; and down"];
    }
    if (new Set(Object.values(linears)).size !== Object.keys(linears).length) {
      return ["linears", "must have a path for each linear, unlike the others"];
    }
  }
  const there = linears ?? { q: "", k: "", v: "", o: "", gate: "", up: "", down: "" };
  const other = Object.keys(biases).find((key) => !Object.hasOwn(there, key));
  if (other !== undefined) return [`biases.${other}`, "must be one of the linears"];
  const parallel = order === "parallel" || parallelWhen !== undefined;
  if (norms !== undefined && parallel && norms.attention === undefined) {
    return ["norms.attention", "must be there where the halves are parallel"];
  }
  if (norms !== undefined && order === "after" && !(norms.attention && norms.mlp)) {
    return ["norms", "must have attention and mlp where the norms come after the halves"];
  }
  return undefined;
}
