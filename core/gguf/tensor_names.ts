/**
 * Names of tensors in a GGUF file.
 *
 * @module
 */

import type { Architecture } from "../model/architecture.ts";

/** A tensor under both of its names. */
export interface NamedTensor {
  /** Its name in a Hugging Face checkpoint. */
  readonly name: string;
  /** Its name in a GGUF file. */
  readonly gguf: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** What it is. */
  readonly kind: "embedding" | "head" | "norm" | "linear" | "bias";
  /** Its role in its block; empty outside of the blocks. */
  readonly role: string;
}

const LINEARS: Readonly<Record<string, string>> = {
  q: "attn_q",
  k: "attn_k",
  v: "attn_v",
  o: "attn_output",
  gate: "ffn_gate",
  up: "ffn_up",
  down: "ffn_down",
};
const NORMS: Readonly<Record<string, string>> = {
  attention: "attn_norm",
  mlp: "ffn_norm",
  q: "attn_q_norm",
  k: "attn_k_norm",
};

/** Every tensor of a model, in the order in which a GGUF file usually has them. */
export function tensorNames({ config, ends, block }: Architecture): readonly NamedTensor[] {
  const vocabulary = [config.vocabSize, config.hiddenSize];
  const tensors: NamedTensor[] = [
    {
      name: ends.embedding,
      gguf: "token_embd.weight",
      shape: vocabulary,
      kind: "embedding",
      role: "",
    },
  ];
  for (let i = 0; i < config.blocks; i++) {
    const layout = block(i);
    for (const { role, path, shape } of layout.norms) {
      tensors.push({
        name: `${layout.name}.${path}.weight`,
        gguf: `blk.${i}.${NORMS[role]}.weight`,
        shape,
        kind: "norm",
        role,
      });
    }
    for (const { role, path, shape, bias } of layout.linears) {
      const gguf = `blk.${i}.${LINEARS[role]}`;
      const name = `${layout.name}.${path}`;
      tensors.push({ name: `${name}.weight`, gguf: `${gguf}.weight`, shape, kind: "linear", role });
      if (bias === true) {
        const length = [shape[0]];
        tensors.push({
          name: `${name}.bias`,
          gguf: `${gguf}.bias`,
          shape: length,
          kind: "bias",
          role,
        });
      }
    }
  }
  tensors.push({
    name: `${ends.finalNorm?.path}.weight`,
    gguf: "output_norm.weight",
    shape: [config.hiddenSize],
    kind: "norm",
    role: "",
  });
  if (!config.tiedEmbeddings) {
    tensors.push({
      name: ends.head,
      gguf: "output.weight",
      shape: vocabulary,
      kind: "head",
      role: "",
    });
  }
  return tensors;
}
