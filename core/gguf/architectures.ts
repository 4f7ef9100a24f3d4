/**
 * Families by their names here, as llama.cpp knows them.
 *
 * @module
 */

import type { Activation } from "../backend.ts";
import type { GgufArchitecture } from "./architecture.ts";

/** llama.cpp computes both by the approximation, from a table of F16. */
const GELU: readonly Activation[] = ["gelu_tanh", "gelu"];
const ALL: readonly string[] = ["q", "k", "v", "o", "gate", "up", "down"];
const POST = "sequential attention mlp postAttention postMlp";

const LLAMA: GgufArchitecture = {
  name: "llama",
  turns: "neighbours",
  ownHeadDim: true,
  mlps: ["gated", "experts"],
  normalized: true,
  biases: ALL,
};

const GEMMA: GgufArchitecture = {
  name: "gemma",
  turns: "halves",
  ownHeadDim: true,
  activations: ["gelu_tanh"],
  head: "tied",
  embedding: "root",
};

const OLMO2: GgufArchitecture = {
  name: "olmo2",
  turns: "halves",
  blocks: ["sequential postAttention postMlp q k"],
  head: "own",
};

const GLM: GgufArchitecture = {
  name: "chatglm",
  turns: "neighbours",
  partial: true,
  mlps: ["fused"],
  biases: ["q", "k", "v"],
};

const GEMMA3: GgufArchitecture = {
  ...GEMMA,
  name: "gemma3",
  blocks: [`${POST} q k`],
  windowsExcept: 6,
  localBase: true,
  scale: { blocks: 62 },
};

/** What is verified against llama.cpp (`tests_clients/gguf_families_test.ts`). */
export const ARCHITECTURES: Readonly<Record<string, GgufArchitecture>> = {
  llama: LLAMA,
  mistral: LLAMA,
  mistral3_text: LLAMA,
  mixtral: LLAMA,
  qwen2: { name: "qwen2", turns: "halves", biases: ["q!", "k!", "v!"] },
  qwen3: {
    name: "qwen3",
    turns: "halves",
    ownHeadDim: true,
    blocks: ["sequential attention mlp q k"],
  },
  gemma: GEMMA,
  gemma2: {
    ...GEMMA,
    name: "gemma2",
    blocks: [POST],
    windowsExcept: 2,
    scale: { blocks: 46 },
    caps: true,
  },
  gemma3: GEMMA3,
  gemma3_text: GEMMA3,
  phi3: { name: "phi3", turns: "halves", partial: true, projection: "fused", mlps: ["fused"] },
  phi: {
    name: "phi2",
    turns: "halves",
    partial: true,
    norm: "layer with bias",
    blocks: ["parallel attention"],
    mlps: ["plain"],
    activations: GELU,
    biases: ["q!", "k!", "v!", "o!", "up!", "down!"],
    head: "own",
    headBias: true,
  },
  qwen2_moe: {
    name: "qwen2moe",
    turns: "halves",
    mlps: ["experts with gated shared"],
    normalized: false,
    biases: ["q", "k", "v"],
    head: "own",
  },
  qwen3_moe: {
    name: "qwen3moe",
    turns: "halves",
    ownHeadDim: true,
    blocks: ["sequential attention mlp q k"],
    mlps: ["experts"],
    normalized: true,
  },
  olmoe: {
    name: "olmoe",
    turns: "halves",
    ownKeys: true,
    blocks: ["sequential attention mlp q k"],
    mlps: ["experts"],
    normalized: false,
    head: "own",
  },
  olmo2: OLMO2,
  olmo3: { ...OLMO2, windowsExcept: 4 },
  smollm3: { name: "smollm3", turns: "neighbours", unturned: 4, biases: ALL },
  granite: {
    name: "granite",
    turns: "neighbours",
    biases: ALL,
    scale: "key",
    embedding: "key",
    logits: "over",
    residual: true,
  },
  gpt2: {
    name: "gpt2",
    turns: "none",
    norm: "layer with bias",
    projection: "fused",
    mlps: ["plain"],
    activations: GELU,
    biases: ["qkv!", "o!", "up!", "down!"],
  },
  starcoder2: {
    name: "starcoder2",
    turns: "halves",
    norm: "layer with bias",
    mlps: ["plain"],
    activations: GELU,
    biases: ["q!", "k!", "v!", "o!", "up!", "down!"],
  },
  falcon: {
    name: "falcon",
    turns: "halves",
    norm: "layer with bias",
    projection: "fused",
    blocks: ["parallel attention", "parallel attention mlp"],
    normNames: { attention: "attn_norm_2", mlp: "attn_norm" },
    mlps: ["plain"],
    activations: GELU,
  },
  gpt_neox: {
    name: "gptneox",
    turns: "halves",
    partial: true,
    norm: "layer with bias",
    projection: "fused",
    blocks: ["parallel attention mlp", "sequential attention mlp"],
    mlps: ["plain"],
    activations: GELU,
    biases: ["qkv!", "o!", "up!", "down!"],
    head: "own",
  },
  stablelm: {
    name: "stablelm",
    turns: "halves",
    partial: true,
    norm: "layer with bias",
    blocks: ["sequential attention mlp", "parallel attention"],
    biases: ["q", "k", "v"],
    head: "own",
  },
  cohere: {
    name: "command-r",
    turns: "neighbours",
    norm: "layer",
    blocks: ["parallel attention"],
    biases: ["q", "k", "v"],
    head: "tied",
    logits: "times",
  },
  cohere2: {
    name: "cohere2",
    turns: "neighbours",
    norm: "layer",
    blocks: ["parallel attention"],
    biases: ["q", "k", "v"],
    head: "tied",
    logits: "times",
    windowsExcept: 4,
    unturned: 4,
  },
  glm: GLM,
  glm4: { ...GLM, name: "glm4", ownHeadDim: true, blocks: [POST] },
  arcee: {
    name: "arcee",
    turns: "neighbours",
    ownHeadDim: true,
    mlps: ["plain"],
    activations: ["relu2"],
  },
  nemotron: {
    name: "nemotron",
    turns: "halves",
    partial: true,
    norm: "layer with bias",
    mlps: ["plain"],
    activations: ["relu2"],
    head: "own",
  },
  deepseek_v2: {
    name: "deepseek2",
    turns: "neighbours",
    projection: "latent",
    // V2-Lite: llama.cpp takes latent queries for granted with other numbers of blocks.
    blockCounts: [26, 27],
    blocks: ["sequential attention mlp kvA"],
    mlps: ["gated", "experts with shared"],
    head: "own",
  },
};
