/**
 * A model with outlier channels, as large models have them.
 *
 * @module
 */

import type { Backend } from "../../../core/backend.ts";
import { createCheckpointWriter } from "../../../core/checkpoint/create_checkpoint_writer.ts";
import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";

/** Outliers, and where they are. */
export interface Outliers {
  /** What the activations of a channel are multiplied by: a power of two, which changes no digit of a weight. */
  readonly factor: number;
  /** Channels of the residual stream. */
  readonly channels: readonly number[];
}

/** What reads a norm's output. */
const READERS: Readonly<Record<string, readonly string[]>> = {
  input_layernorm: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  post_attention_layernorm: ["mlp.gate_proj", "mlp.up_proj"],
};

/**
 * Writes a copy of a Llama whose norms give some channels `factor` times as large, and whose linears take that back: it
 * computes the same, and is hard to quantize.
 */
export async function writeOutliers(
  directory: string,
  out: string,
  backend: Backend,
  { factor, channels }: Outliers,
): Promise<void> {
  using checkpoint = await openCheckpoint(directory, backend);
  await using writer = await createCheckpointWriter(out);
  for (const { name, dtype, shape } of checkpoint.entries.values()) {
    using tensor = checkpoint.tensor(name);
    const width = shape.at(-1) ?? 1;
    const change = changeOf(name, factor);
    if (change === 1) {
      await writer.add(name, dtype, shape, backend.downloadBytes(tensor));
      continue;
    }
    if (dtype !== "BF16" && dtype !== "F16" && dtype !== "F32") {
      throw new Error(`${name}: ${dtype}`);
    }
    const values = backend.download(tensor);
    for (let i = 0; i < values.length; i++) {
      if (channels.includes(i % width)) values[i] = values[i]! * change;
    }
    using wide = backend.upload(values, "F32", shape);
    using narrow = await backend.cast(wide, dtype);
    await writer.add(name, dtype, shape, backend.downloadBytes(narrow));
  }
  await writer.json("config.json", checkpoint.config);
  await writer.copyCompanions(directory);
  await writer.commit();
}

/** What a tensor's columns are multiplied by. */
function changeOf(name: string, factor: number): number {
  for (const [norm, readers] of Object.entries(READERS)) {
    if (name.endsWith(`.${norm}.weight`)) return factor;
    if (readers.some((reader) => name.endsWith(`.${reader}.weight`))) return 1 / factor;
  }
  return 1;
}
