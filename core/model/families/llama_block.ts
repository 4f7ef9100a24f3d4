/**
 * The block of Llama's relatives.
 *
 * @module
 */

import type { ModelConfig } from "../config.ts";
import type { ConfigReader } from "../config_reader.ts";
import type { BlockLayout, NormSpec, ProjectionLayout, ResidualSpec } from "../layout.ts";
import { type BlockPiece, joinPieces } from "./block_piece.ts";
import { readScalar, readSwitch } from "./config_scalar.ts";
import { fusedAttention } from "./fused_attention.ts";
import type { LlamaLike, NormsDescription } from "./llama_like_description.ts";
import { llamaMlpPiece } from "./llama_mlp_piece.ts";
import type { LlamaRopes } from "./llama_ropes.ts";
import { separateAttention } from "./separate_attention.ts";

/** Paths of Llama's linears under the block. */
const LINEARS: Readonly<Record<string, string>> = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

const NORMS: NormsDescription = {
  attention: "input_layernorm",
  mlp: "post_attention_layernorm",
};

/** What a block is put together from. */
export interface LlamaBlockSource {
  /** The family. */
  readonly description: LlamaLike;
  /** Reads the configuration. */
  readonly reader: ConfigReader;
  /** Sizes. */
  readonly config: ModelConfig;
  /** Rotary embedding. */
  readonly ropes: LlamaRopes;
  /** What precedes a block's index in its name. */
  readonly prefix: string;
}

/** Makes the layout of a block from its index. The configuration is read once. */
export function llamaBlocks(source: LlamaBlockSource): (index: number) => BlockLayout {
  const { description, reader, config, ropes } = source;
  const { heads, kvHeads, headDim } = config;
  const order =
    description.parallelWhen !== undefined && readSwitch(reader, description.parallelWhen)
      ? "parallel"
      : description.order ?? "sequential";
  const names = { ...description.norms ?? NORMS };
  if (description.parallelWhen !== undefined && order === "parallel") delete names.mlp;
  const norms = normSpecs(names, reader, config);
  /** Role of the norm before a half. */
  const normOf = (half: "attention" | "mlp"): string | undefined => {
    if (order === "after" || names.plain === true) return undefined;
    if (half === "mlp" && order === "parallel" && names.mlp === undefined) return "attention";
    return names[half] === undefined ? undefined : half;
  };
  const biases = Object.entries(description.biases ?? {})
    .filter(([, when]) => readSwitch(reader, when))
    .map(([key]) => key);
  const attention = attentionPiece(description, config, biases, normOf("attention"));
  const paths = description.linears ?? LINEARS;
  const mlp = llamaMlpPiece({ ...config, paths, biases, norm: normOf("mlp") });
  const { linears, scaleSets } = joinPieces([attention, mlp]);
  const scale = description.attentionScale === undefined
    ? 1 / Math.sqrt(headDim)
    : readScalar(reader, description.attentionScale);
  const cap = description.attentionSoftcap;
  const softcap = cap === undefined ? 0 : reader.number(cap, { min: 0, max: 1e9 }, 0);
  const residualScale = readScalar(reader, description.residualScale ?? 1);
  // What a vision tower writes into the stream would not be rotated with it.
  const residual = description.config === undefined
    ? residualOf(norms, order, linears.map(({ key }) => key))
    : undefined;
  return (index) => {
    const table = ropes.tableOf(index);
    const interleaved = description.rope?.interleaved === true;
    return {
      name: `${source.prefix}${index}`,
      linears,
      norms,
      scaleSets,
      ...(residual === undefined ? {} : { residual }),
      attention: {
        projection: attention.projection,
        heads,
        kvHeads,
        headDim,
        scale,
        window: config.windows[index] ?? 0,
        ...(softcap === 0 ? {} : { softcap }),
        ...(table === undefined ? {} : { rope: { table, interleaved } }),
      },
      mlp: mlp.layout,
      order,
      ...(residualScale === 1 ? {} : { residualScale }),
    };
  };
}

/** The norms of a block; the paths of those that are not before or after its halves come from `names.heads`. */
function normSpecs(
  names: NormsDescription,
  reader: ConfigReader,
  config: ModelConfig,
): readonly NormSpec[] {
  const { heads, kvHeads, headDim, hiddenSize } = config;
  const specs: NormSpec[] = [];
  for (const role of ["attention", "mlp", "postAttention", "postMlp"] as const) {
    const path = names[role];
    if (path !== undefined) specs.push(normSpec(names, config, role, path, [hiddenSize]));
  }
  if (names.heads === undefined || !readSwitch(reader, names.heads.when ?? true)) return specs;
  const { over } = names.heads;
  for (const [role, count] of [["q", heads], ["k", kvHeads]] as const) {
    const shape = over === "head" ? [headDim] : over === "heads" ? [count, headDim] : [
      count * headDim,
    ];
    // Those on heads have no bias in any family known.
    specs.push(normSpec({ ...names, bias: false }, config, role, names.heads[role], shape));
  }
  return specs;
}

/** A norm of the kind that the model has. */
export function normSpec(
  { kind = "rms", offset = 0, bias = false, plain = false }: NormsDescription,
  { normEps }: Pick<ModelConfig, "normEps">,
  role: string,
  path: string,
  shape: readonly number[],
): NormSpec {
  return {
    role,
    path,
    shape,
    kind,
    eps: normEps,
    ...(offset === 0 ? {} : { offset }),
    ...(bias ? { bias } : {}),
    ...(plain ? { plain } : {}),
  };
}

function attentionPiece(
  description: LlamaLike,
  config: ModelConfig,
  biases: readonly string[],
  norm: string | undefined,
): BlockPiece & { readonly projection: ProjectionLayout } {
  const { q = "", k = "", v = "", qkv, o = "" } = description.linears ?? LINEARS;
  if (qkv === undefined) {
    const piece = separateAttention({ ...config, paths: { q, k, v, o }, biases, norm });
    return { ...piece, projection: { kind: "separate" } };
  }
  const order = description.fusedOrder ?? "kinds";
  return fusedAttention({ ...config, paths: { qkv, o }, biases, norm, order });
}

/** How the block can be rotated: only root mean squares, which a rotation keeps, may stand between it and the stream. */
function residualOf(
  norms: readonly NormSpec[],
  order: BlockLayout["order"],
  keys: readonly string[],
): ResidualSpec | undefined {
  const roles = new Map(norms.map((norm) => [norm.role, norm]));
  const before = norms.filter(({ role }) => role === "attention" || role === "mlp");
  const plain = norms.some((norm) => norm.plain === true);
  if (
    order === "after" || plain || !roles.has("attention") ||
    before.some(({ kind }) => kind !== "rms")
  ) {
    return undefined;
  }
  if (roles.has("postAttention") || roles.has("postMlp")) return undefined;
  const read = (names: readonly string[]): string[] => keys.filter((key) => names.includes(key));
  const attention = read(["q", "k", "v", "qkv"]);
  const mlp = read(["gate", "up", "gateUp"]);
  if (!roles.has("mlp") && order !== "parallel") return undefined;
  return {
    readers: roles.has("mlp")
      ? [{ norm: "attention", linears: attention }, { norm: "mlp", linears: mlp }]
      : [{ norm: "attention", linears: [...attention, ...mlp] }],
    writers: ["o", "down"],
    ...(keys.includes("v") ? { values: "v", output: "o" } : {}),
  };
}
