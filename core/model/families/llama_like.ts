/**
 * The shape that Llama and its relatives share; a family is a description of what is its own.
 *
 * @module
 */

import type { Json, JsonObject } from "../../checkpoint/types.ts";
import type { Architecture, EndsLayout } from "../architecture.ts";
import { ConfigReader } from "../config_reader.ts";
import type { Family } from "../family.ts";
import { readLlamaConfig } from "../read_llama_config.ts";
import { readWindows } from "../read_windows.ts";
import { readScalar } from "./config_scalar.ts";
import { llamaBlocks, normSpec } from "./llama_block.ts";
import { LLAMA_KEYS, type LlamaLike } from "./llama_like_description.ts";
import { readLlamaRopes, rotatedBlocks } from "./llama_ropes.ts";

/** A family from its description. */
export function llamaLike(description: LlamaLike): Family {
  const { name, architectures } = description;
  return { name, architectures, describe: (raw, has) => describe(description, raw, has) };
}

function describe(
  description: LlamaLike,
  raw: JsonObject,
  has: (tensor: string) => boolean,
): Architecture {
  const reader = readerOf(description, raw);
  for (const [key, values] of Object.entries(description.only ?? {})) {
    if (!reader.has(key) || reader.holds(key, values)) continue;
    const texts = values.map((value) => JSON.stringify(value));
    reader.fail(key, `must be ${["absent", ...texts].join(" or ")}`);
  }
  const sizes = readLlamaConfig(reader, description);
  const windows = readWindows({
    reader,
    key: description.keys?.window ?? LLAMA_KEYS.window,
    blocks: sizes.blocks,
    ...optional("isRotated", rotatedBlocks(reader, description, sizes.blocks)),
  }, description.windows);
  const ropes = readLlamaRopes(reader, description, { ...sizes, windows });
  const config = { ...sizes, windows, rope: ropes.tables.default };
  const { model, head } = placeOf(description, has);
  const names = { embedding: "embed_tokens", blocks: "layers", finalNorm: "norm" };
  const under = { ...names, ...description.names };
  const { norms = {} } = description;
  return {
    config,
    ends: {
      embedding: join(model, `${under.embedding}.weight`),
      finalNorm: normSpec(norms, config, "final", join(model, under.finalNorm), [
        config.hiddenSize,
      ]),
      head: `${head}.weight`,
      ...multipliers(description, reader),
    },
    ropes: ropes.tables,
    block: llamaBlocks({
      description,
      reader,
      config,
      ropes,
      prefix: join(model, `${under.blocks}.`),
    }),
  };
}

/** Reads the text model's part of the file, then the file, then the defaults. */
function readerOf({ config: key, defaults }: LlamaLike, raw: JsonObject): ConfigReader {
  if (key === undefined) return new ConfigReader({ ...defaults, ...raw });
  const part = Object.hasOwn(raw, key) ? raw[key] : undefined;
  if (!isObject(part)) return new ConfigReader(raw).fail(key, "must be an object");
  return new ConfigReader({ ...defaults, ...raw, ...part });
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Where the checkpoint keeps the model: the first place that has an embedding, or else a head. */
function placeOf(
  { places = [{ model: "model", head: "lm_head" }], names }: LlamaLike,
  has: (tensor: string) => boolean,
): { readonly model: string; readonly head: string } {
  const embedding = names?.embedding ?? "embed_tokens";
  return places.find(({ model }) => has(join(model, `${embedding}.weight`))) ??
    places.find(({ head }) => has(`${head}.weight`)) ?? places[0]!;
}

/** What embedding and logits are multiplied by and bounded to. */
function multipliers(description: LlamaLike, reader: ConfigReader): Partial<EndsLayout> {
  const embeddingScale = readScalar(reader, description.embeddingScale ?? 1);
  const logitScale = readScalar(reader, description.logitScale ?? 1);
  const cap = description.logitSoftcap;
  const logitSoftcap = cap === undefined ? 0 : reader.number(cap, { min: 0, max: 1e9 }, 0);
  return {
    ...(embeddingScale === 1 ? {} : { embeddingScale }),
    ...(description.embeddingScaleRounded === true ? { embeddingScaleRounded: true } : {}),
    ...(logitScale === 1 ? {} : { logitScale }),
    ...(logitSoftcap === 0 ? {} : { logitSoftcap }),
  };
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : { [key]: value } as Record<K, V>;
}
