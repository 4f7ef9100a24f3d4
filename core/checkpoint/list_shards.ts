/**
 * Which files of a directory hold the weights.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { readError } from "./open_regular_file.ts";
import { isJsonObject, readJsonObject } from "./read_json.ts";
import { showName } from "./show_name.ts";

/** The one file of a checkpoint that is not sharded. */
export const SINGLE_FILE = "model.safetensors";
/** The file that says which shard holds which tensor. */
export const INDEX_FILE = "model.safetensors.index.json";

const MAX_SHARDS = 10_000;

/** The weight files of a checkpoint. */
export interface Shards {
  /** File names, in order. */
  readonly files: readonly string[];
  /** Which file holds each tensor, where there is an index. */
  readonly weightMap: ReadonlyMap<string, string> | undefined;
}

/**
 * Finds `model.safetensors`, or the shards that `model.safetensors.index.json` names.
 *
 * @throws {SalientError} `input` where there is neither, or the index cannot be trusted.
 */
export async function listShards(directory: string): Promise<Shards> {
  const names = new Set<string>();
  try {
    for await (const entry of Deno.readDir(directory)) names.add(entry.name);
  } catch (cause) {
    throw readError(directory, cause);
  }
  if (names.has(SINGLE_FILE)) return { files: [SINGLE_FILE], weightMap: undefined };
  if (names.has(INDEX_FILE)) return await readIndex(directory);
  throw noWeights(directory, [...names]);
}

async function readIndex(directory: string): Promise<Shards> {
  const path = `${directory}/${INDEX_FILE}`;
  const weights = (await readJsonObject(path, { depth: 8, within: directory }))["weight_map"];
  if (!isJsonObject(weights) || Object.keys(weights).length === 0) {
    throw new SalientError("input", `${path} has no weight_map: it is damaged, fetch it again`, {
      file: path,
    });
  }
  const weightMap = new Map<string, string>();
  for (const [tensor, file] of Object.entries(weights)) {
    if (typeof file !== "string" || !isPlainFileName(file)) {
      const shown = typeof file === "string" ? showName(file) : "something that is not a name";
      throw new SalientError(
        "input",
        `${path} puts tensor ${
          showName(tensor)
        } into ${shown}: only names of .safetensors files in the directory are accepted`,
        { file: path, tensor },
      );
    }
    weightMap.set(tensor, file);
  }
  const files = [...new Set(weightMap.values())].sort();
  if (files.length > MAX_SHARDS) {
    throw new SalientError(
      "input",
      `${path} names ${files.length} files, more than the ${MAX_SHARDS} that are accepted`,
      { file: path },
    );
  }
  return { files, weightMap };
}

/** A name that stays inside the directory on every system. */
function isPlainFileName(name: string): boolean {
  return /^[^/\\:\p{C}]+\.safetensors$/u.test(name) && name.length <= 255;
}

function noWeights(directory: string, names: readonly string[]): SalientError {
  const found = (ending: string): string | undefined =>
    names.filter((name) => name.endsWith(ending)).sort()[0];
  const place = { file: directory };
  const other = found(".safetensors");
  if (other !== undefined) {
    const text = /-\d+-of-\d+\.safetensors$/.test(other)
      ? `has shards but no ${INDEX_FILE}: fetch it`
      : `has no ${SINGLE_FILE} but ${showName(other)}: rename it to ${SINGLE_FILE}`;
    return new SalientError("input", `${directory} ${text}`, place);
  }
  const gguf = found(".gguf");
  if (gguf !== undefined) {
    return new SalientError(
      "input",
      `${directory} holds a GGUF file, ${showName(gguf)}: give that file itself, not its directory`,
      place,
    );
  }
  const pickle = found(".bin") ?? found(".pt") ?? found(".pth");
  if (pickle !== undefined) {
    return new SalientError(
      "input",
      `${directory} has no safetensors but ${
        showName(pickle)
      }: convert it to safetensors (save_pretrained does)`,
      place,
    );
  }
  return new SalientError(
    "input",
    `${directory} has no weights: ${SINGLE_FILE} or ${INDEX_FILE} is needed`,
    place,
  );
}
