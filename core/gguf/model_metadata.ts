/**
 * A model's sizes and switches as metadata of a GGUF file.
 *
 * @module
 */

import type { Architecture } from "../model/architecture.ts";
import type { BlockLayout, LinearSpec } from "../model/layout.ts";
import type { GgufArchitecture } from "./architecture.ts";
import type { GgufValue } from "./gguf_value.ts";
import { ropeMetadata } from "./rope_metadata.ts";

/** A key without the architecture's name, and its value: a whole number or another one, or a text. */
type Entry = readonly [key: string, value: GgufValue];

/** Names of functions that transformers has others for. */
const TRANSFORMERS: Readonly<Record<string, string>> = { gelu_tanh: "gelu_pytorch_tanh" };

/**
 * Keys under `general` and the architecture's name. Where a model sees only a window of the tokens before,
 * and llama.cpp does not do that in its architecture, its context ends where the window does.
 *
 * @throws {SalientError} `input` where positions are stretched in a way that the format cannot say.
 */
export function modelMetadata(
  architecture: GgufArchitecture,
  structure: Architecture,
  name: string,
): Map<string, GgufValue> {
  const { name: prefix } = architecture;
  const { config } = structure;
  const layouts = Array.from({ length: config.blocks }, (_, i) => structure.block(i));
  const [first] = layouts;
  const { norms = [] } = first ?? {};
  const eps = norms[0]?.kind === "layer" ? "layer_norm_epsilon" : "layer_norm_rms_epsilon";
  const windows = config.windows.filter((window) => window > 0);
  const windowed = architecture.windowsExcept !== undefined;
  const context = windowed ? config.maxPositions : Math.min(config.maxPositions, ...windows);
  const values: readonly Entry[] = [
    ["vocab_size", whole(config.vocabSize)],
    ["context_length", whole(context)],
    ["embedding_length", whole(config.hiddenSize)],
    ["block_count", whole(config.blocks)],
    ["feed_forward_length", whole(feedForward(layouts, config.intermediateSize))],
    // Read by nobody but Salient: llama.cpp computes both by the approximation.
    ...(architecture.activations?.includes("gelu") === true
      ? [["hidden_activation", text(TRANSFORMERS[config.activation] ?? config.activation)] as const]
      : []),
    ["attention.head_count", whole(config.heads)],
    ["attention.head_count_kv", whole(config.kvHeads)],
    ["attention.key_length", whole(config.headDim)],
    ["attention.value_length", whole(valueLength(first, config.headDim))],
    [`attention.${eps}`, real(config.normEps)],
    ...(windowed && windows.length > 0
      ? [["attention.sliding_window", whole(Math.max(...windows))] as const]
      : []),
    ...factors(architecture, structure, first),
    ...mixture(architecture, layouts),
    ...latent(first),
    ...ropeMetadata(architecture, structure),
  ];
  return new Map<string, GgufValue>([
    ["general.architecture", text(prefix)],
    ["general.type", text("model")],
    ["general.name", text(name)],
    ["general.quantization_version", whole(2)],
    ...values.map(([key, value]) => [`${prefix}.${key}`, value] as const),
  ]);
}

function text(value: string): GgufValue {
  return { type: "string", value };
}

function whole(value: number): GgufValue {
  return { type: "u32", value };
}

function real(value: number): GgufValue {
  return { type: "f32", value };
}

/** Width inside the MLP of the blocks that are dense; where none is, that of an expert. */
function feedForward(layouts: readonly BlockLayout[], otherwise: number): number {
  const dense = layouts.find(({ mlp }) => mlp.kind !== "experts");
  const down = dense?.linears.find(({ role }) => role === "down") ??
    layouts[0]?.linears.find(({ role, expert }) => role === "down" && expert !== undefined);
  return down?.shape[1] ?? otherwise;
}

function valueLength(layout: BlockLayout | undefined, headDim: number): number {
  const projection = layout?.attention.projection;
  return projection?.kind === "latent" ? projection.valueDim : headDim;
}

/** What is multiplied, capped, or how the halves follow each other. */
function factors(
  { name, embedding, logits, residual, scale, caps }: GgufArchitecture,
  { ends }: Architecture,
  layout: BlockLayout | undefined,
): readonly Entry[] {
  const entries: Entry[] = [];
  const { logitScale = 1, embeddingScale = 1, logitSoftcap = 0 } = ends;
  if (embedding === "key") entries.push(["embedding_scale", real(embeddingScale)]);
  if (residual === true) entries.push(["residual_scale", real(layout?.residualScale ?? 1)]);
  if (scale === "key") entries.push(["attention.scale", real(layout?.attention.scale ?? 0)]);
  if (logits !== undefined) {
    entries.push(["logit_scale", real(logits === "times" ? logitScale : 1 / logitScale)]);
  }
  if (caps === true) {
    entries.push(["attn_logit_softcapping", real(layout?.attention.softcap ?? 0)]);
    entries.push(["final_logit_softcapping", real(logitSoftcap)]);
  }
  if (name === "gptneox") {
    const parallel = layout?.order === "parallel";
    entries.push(["use_parallel_residual", { type: "bool", value: parallel }]);
  }
  return entries;
}

/** The experts. */
function mixture(
  { normalized }: GgufArchitecture,
  layouts: readonly BlockLayout[],
): readonly Entry[] {
  const index = layouts.findIndex(({ mlp }) => mlp.kind === "experts");
  const layout = layouts[index];
  if (layout?.mlp.kind !== "experts") return [];
  const { count, router, shared } = layout.mlp;
  const width = (of: (linear: LinearSpec) => boolean): number => {
    return layout.linears.find((linear) => linear.role === "down" && of(linear))?.shape[1] ?? 0;
  };
  const own = width(({ expert }) => expert !== undefined);
  const common = width(({ expert }) => expert === undefined);
  return [
    ["expert_count", whole(count)],
    ["expert_used_count", whole(router.perToken)],
    ["expert_feed_forward_length", whole(own)],
    ...(shared === undefined
      ? []
      : [["expert_shared_feed_forward_length", whole(common)] as const]),
    ...(normalized === undefined
      ? [
        ["leading_dense_block_count", whole(index)],
        ["expert_shared_count", whole(common / own)],
        ["expert_weights_scale", real(router.scale)],
        ["expert_weights_norm", { type: "bool", value: router.normalize }],
        ["expert_gating_func", whole(router.scoring === "softmax" ? 1 : 2)],
      ] as const
      : []),
  ];
}

/** Widths of latent queries, keys and values. */
function latent(layout: BlockLayout | undefined): readonly Entry[] {
  const projection = layout?.attention.projection;
  if (projection?.kind !== "latent") return [];
  const { queryRank, kvRank } = projection;
  return [
    ...(queryRank === 0 ? [] : [["attention.q_lora_rank", whole(queryRank)] as const]),
    ["attention.kv_lora_rank", whole(kvRank)],
  ];
}
