/**
 * Fuzzes headers and indices of safetensors checkpoints.
 *
 * @module
 */

import { openCheckpoint } from "../../../core/checkpoint/open_checkpoint.ts";
import { filesOf, type FuzzReader } from "../fuzz_reader.ts";
import { entry, safetensors, writeFiles } from "../../core/checkpoint/checkpoint_files.ts";

const TENSORS = {
  __metadata__: { format: "pt" },
  a: entry("F32", [2, 3], 0, 24),
  b: entry("U8", [7], 24, 31),
  c: entry("BF16", [0, 4], 31, 31),
  d: entry("F64", [], 31, 39),
};

/** One file, and two shards with their index; every tensor is read. */
export const checkpointReader: FuzzReader = {
  name: "safetensors",
  async corpus(folder) {
    const whole = safetensors(TENSORS, 39);
    await writeFiles(folder, {
      "config.json": { a: 1 },
      "generation_config.json": { eos_token_id: [1] },
      "model.safetensors": whole,
    });
    const single = await filesOf(folder);
    await Deno.remove(`${folder}/model.safetensors`);
    await writeFiles(folder, {
      "model-00001-of-00002.safetensors": whole,
      "model-00002-of-00002.safetensors": safetensors({ e: entry("I32", [2], 0, 8) }, 8),
      "model.safetensors.index.json": {
        metadata: { total_size: 47 },
        weight_map: {
          a: "model-00001-of-00002.safetensors",
          b: "model-00001-of-00002.safetensors",
          c: "model-00001-of-00002.safetensors",
          d: "model-00001-of-00002.safetensors",
          e: "model-00002-of-00002.safetensors",
        },
      },
    });
    return [single, await filesOf(folder)];
  },
  async read(directory, backend) {
    using checkpoint = await openCheckpoint(directory, backend);
    for (const name of checkpoint.entries.keys()) {
      using tensor = checkpoint.tensor(name);
      backend.downloadBytes(tensor);
      checkpoint.release(name);
    }
  },
};
