/**
 * Writes a model's configuration into a checkpoint.
 *
 * @module
 */

import type { CheckpointWriter, JsonObject } from "../checkpoint/types.ts";
import type { Model } from "../model/model.ts";
import { readTextFile } from "../text_file.ts";

/** Writes `config` as `config.json`, with the numbers of the model's own written as they are there. */
export async function writeConfig(
  writer: CheckpointWriter,
  { directory }: Model,
  config: JsonObject,
): Promise<void> {
  const original = directory.endsWith(".gguf")
    ? undefined
    : await readTextFile(`${directory}/config.json`, undefined, directory);
  await writer.json("config.json", config, original);
}
