/**
 * Names of tensors in a GGUF file.
 *
 * @module
 */

import type { Architecture } from "../model/architecture.ts";
import type { BlockLayout, LinearSpec, NormSpec } from "../model/layout.ts";
import type { GgufArchitecture } from "./architecture.ts";
import { rowOrder } from "./row_order.ts";

/** A tensor under both of its names. */
export interface NamedTensor {
  /** Its name in a Hugging Face checkpoint. */
  readonly name: string;
  /** Its name in a GGUF file. */
  readonly gguf: string;
  /** Sizes, outermost first, in the file; of one expert where the file holds several as one tensor. */
  readonly shape: readonly number[];
  /** Sizes in a Hugging Face checkpoint, where they are others. */
  readonly stored?: readonly number[];
  /** What it is. Vectors and routers are written as F32, whatever they were. */
  readonly kind: "embedding" | "head" | "linear" | "small";
  /** Where it lies among the equal parts of the file's tensor. */
  readonly part?: { readonly index: number; readonly count: number };
  /** Whether the checkpoint stores it as [in, out]. */
  readonly transposed?: boolean;
  /** What is added to it in the file. */
  readonly offset?: number;
  /** Which of the checkpoint's rows is row n of the file, where that is another. */
  readonly order?: Int32Array;
}

const LINEARS: Readonly<Record<string, string>> = {
  q: "attn_q",
  k: "attn_k",
  v: "attn_v",
  qkv: "attn_qkv",
  qA: "attn_q_a",
  qB: "attn_q_b",
  kvA: "attn_kv_a_mqa",
  kvB: "attn_kv_b",
  o: "attn_output",
  gate: "ffn_gate",
  up: "ffn_up",
  gateUp: "ffn_up",
  down: "ffn_down",
  router: "ffn_gate_inp",
  sharedGate: "ffn_gate_inp_shexp",
};
const NORMS: Readonly<Record<string, string>> = {
  attention: "attn_norm",
  mlp: "ffn_norm",
  q: "attn_q_norm",
  k: "attn_k_norm",
  qA: "attn_q_a_norm",
  kvA: "attn_kv_a_norm",
  postAttention: "post_attention_norm",
  postMlp: "post_ffw_norm",
};
/** Linears of an MLP, which have other names in a mixture. */
const MLP: readonly string[] = ["gate", "up", "down"];

/** Every tensor of a model, in the order in which a GGUF file usually has them. */
export function tensorNames(
  architecture: GgufArchitecture,
  structure: Architecture,
): readonly NamedTensor[] {
  const { config, ends } = structure;
  const vocabulary = [config.vocabSize, config.hiddenSize];
  const tensors: NamedTensor[] = [
    { name: ends.embedding, gguf: "token_embd.weight", shape: vocabulary, kind: "embedding" },
  ];
  if (ends.positions !== undefined) {
    const { name, rows } = ends.positions;
    const shape = [rows, config.hiddenSize];
    tensors.push({ name, gguf: "position_embd.weight", shape, kind: "small" });
  }
  const layouts = Array.from({ length: config.blocks }, (_, i) => structure.block(i));
  const interleaved = layouts.some(({ attention }) => attention.rope?.interleaved === true);
  const rotated = architecture.turns === "neighbours" && !interleaved
    ? config.rope?.rotated ?? 0
    : 0;
  for (const [i, layout] of layouts.entries()) {
    for (const spec of layout.norms) {
      const gguf = `blk.${i}.${normName(architecture, layout, spec)}`;
      tensors.push(...normTensors(spec, `${layout.name}.${spec.path}`, gguf));
    }
    for (const spec of layout.linears) tensors.push(...linearTensors(layout, spec, i, rotated));
  }
  if (ends.finalNorm !== undefined) {
    tensors.push(...normTensors(ends.finalNorm, ends.finalNorm.path, "output_norm"));
  }
  if (!config.tiedEmbeddings) {
    tensors.push({ name: ends.head, gguf: "output.weight", shape: vocabulary, kind: "head" });
  }
  if (ends.headBias !== undefined) {
    const shape = [config.vocabSize];
    tensors.push({ name: ends.headBias, gguf: "output.bias", shape, kind: "small" });
  }
  return tensors;
}

function normName(
  { normNames }: GgufArchitecture,
  { norms }: BlockLayout,
  { role }: NormSpec,
): string {
  const paired = norms.some((norm) => norm.role === "mlp");
  return (paired ? normNames?.[role] : undefined) ?? NORMS[role] ?? role;
}

function normTensors(
  { shape, offset, bias, plain }: NormSpec,
  name: string,
  gguf: string,
): NamedTensor[] {
  if (plain === true) return [];
  return [
    {
      name: `${name}.weight`,
      gguf: `${gguf}.weight`,
      shape,
      kind: "small",
      ...(offset === undefined ? {} : { offset }),
    },
    ...(bias === true
      ? [{ name: `${name}.bias`, gguf: `${gguf}.bias`, shape, kind: "small" } as const]
      : []),
  ];
}

function linearTensors(
  layout: BlockLayout,
  { role, path, shape, bias, plain, expert, transposed }: LinearSpec,
  block: number,
  rotated: number,
): NamedTensor[] {
  const count = layout.mlp.kind === "experts" ? layout.mlp.count : 0;
  const suffix = count === 0 || !MLP.includes(role)
    ? ""
    : expert === undefined
    ? "_shexp"
    : "_exps";
  const gguf = `blk.${block}.${LINEARS[role]}${suffix}`;
  const name = `${layout.name}.${path}`;
  const order = rowOrder(layout.attention, role, shape[0], rotated);
  const ordered = order === undefined ? {} : { order };
  const part = expert === undefined ? {} : { part: { index: expert, count } };
  const weight: NamedTensor = {
    name: `${name}.weight`,
    gguf: `${gguf}.weight`,
    shape: role === "sharedGate" ? [shape[1]] : shape,
    ...(role === "sharedGate" ? { stored: shape } : {}),
    kind: plain === true ? "small" : "linear",
    ...(transposed === true ? { transposed, stored: [shape[1], shape[0]] } : {}),
    ...ordered,
    ...part,
  };
  if (bias !== true) return [weight];
  const biasShape = [shape[0]];
  return [weight, {
    name: `${name}.bias`,
    gguf: `${gguf}.bias`,
    shape: biasShape,
    kind: "small",
    ...ordered,
    ...part,
  }];
}
