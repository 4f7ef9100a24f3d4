/**
 * Opens checkpoints.
 *
 * @module
 */

import type { Backend, MappedFile } from "../backend.ts";
import { SalientError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { INDEX_FILE, listShards } from "./list_shards.ts";
import { readError } from "./open_regular_file.ts";
import { readHeader } from "./read_header.ts";
import { readJsonObject } from "./read_json.ts";
import { showName } from "./show_name.ts";
import type { Checkpoint, JsonObject, TensorEntry } from "./types.ts";

/**
 * Opens a Hugging Face directory: `config.json`, `generation_config.json` if there is one, and
 * `model.safetensors` or the shards of `model.safetensors.index.json`. Only the headers are read; the
 * data are mapped by the backend. Every size and offset is checked before it is used.
 *
 * @param directory The directory.
 * @param backend Maps the files; tensors are views in its memory.
 * @returns The checkpoint. The caller disposes it.
 * @throws {SalientError} `input`, naming the file and the tensor at fault.
 *
 * @example Sizes of a checkpoint's tensors
 * ```ts
 * import { createReferenceBackend, openCheckpoint } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * using backend = createReferenceBackend();
 * using checkpoint = await openCheckpoint("models/salient-tiny", backend);
 * assert.deepEqual(checkpoint.entries.get("model.norm.weight")?.shape, [128]);
 * ```
 */
export async function openCheckpoint(
  directory: string,
  backend: Pick<Backend, "mapFile">,
): Promise<Checkpoint> {
  await checkDirectory(directory);
  const config = await readConfig(directory);
  const generationConfig = await readOptional(directory, "generation_config.json");
  const { files, weightMap } = await listShards(directory);

  const entries = new Map<string, TensorEntry>();
  const lengths = new Map<string, number>();
  for (const file of files) {
    const header = await readHeader(directory, file);
    lengths.set(file, header.fileBytes);
    for (const entry of header.entries) {
      const other = entries.get(entry.name);
      if (other !== undefined) {
        throw new SalientError(
          "input",
          `Tensor ${
            showName(entry.name)
          } is in both ${other.file} and ${file} of ${directory}: remove the stale one`,
          { file: `${directory}/${file}`, tensor: entry.name },
        );
      }
      entries.set(entry.name, entry);
    }
  }
  if (weightMap !== undefined) checkIndex(directory, weightMap, entries);

  using opened = new DisposableStack();
  const mapped = new Map<string, MappedFile>();
  for (const [name, length] of lengths) {
    const file = opened.use(backend.mapFile(`${directory}/${name}`));
    if (file.byteLength !== length) {
      throw new SalientError("input", `${file.path} changed while it was opened: try again`, {
        file: file.path,
      });
    }
    mapped.set(name, file);
  }
  return new OpenCheckpoint({
    directory,
    config,
    generationConfig,
    entries,
    mapped,
    resources: opened.move(),
  });
}

async function checkDirectory(directory: string): Promise<void> {
  let isDirectory: boolean;
  try {
    isDirectory = (await Deno.stat(directory)).isDirectory;
  } catch (cause) {
    throw readError(directory, cause);
  }
  if (!isDirectory) {
    throw new SalientError(
      "input",
      `${directory} is a file: give the directory that holds config.json and the safetensors files`,
      { file: directory },
    );
  }
}

async function readConfig(directory: string): Promise<JsonObject> {
  const config = await readOptional(directory, "config.json");
  if (config !== undefined) return config;
  // Says what is wrong with the weights first where that is the larger matter (a GGUF directory).
  await listShards(directory);
  throw new SalientError(
    "input",
    `${directory} has no config.json: give a Hugging Face checkpoint directory`,
    { file: `${directory}/config.json` },
  );
}

async function readOptional(directory: string, name: string): Promise<JsonObject | undefined> {
  try {
    return await readJsonObject(`${directory}/${name}`, { within: directory });
  } catch (error) {
    if (error instanceof SalientError && error.cause instanceof Deno.errors.NotFound) {
      return undefined;
    }
    throw error;
  }
}

function checkIndex(
  directory: string,
  weightMap: ReadonlyMap<string, string>,
  entries: ReadonlyMap<string, TensorEntry>,
): void {
  for (const [tensor, file] of weightMap) {
    if (entries.get(tensor)?.file !== file) {
      throw new SalientError(
        "input",
        `${directory}/${INDEX_FILE} puts tensor ${
          showName(tensor)
        } into ${file}, which does not hold it: fetch both again`,
        { file: `${directory}/${file}`, tensor },
      );
    }
  }
}

interface OpenCheckpointParts {
  readonly directory: string;
  readonly config: JsonObject;
  readonly generationConfig: JsonObject | undefined;
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly mapped: ReadonlyMap<string, MappedFile>;
  readonly resources: DisposableStack;
}

class OpenCheckpoint implements Checkpoint {
  readonly directory: string;
  readonly config: JsonObject;
  readonly generationConfig: JsonObject | undefined;
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly byteLength: number;
  readonly #mapped: ReadonlyMap<string, MappedFile>;
  readonly #resources: DisposableStack;

  constructor(parts: OpenCheckpointParts) {
    this.directory = parts.directory;
    this.config = parts.config;
    this.generationConfig = parts.generationConfig;
    this.entries = parts.entries;
    this.byteLength = [...parts.entries.values()].reduce((sum, each) => sum + each.byteLength, 0);
    this.#mapped = parts.mapped;
    this.#resources = parts.resources;
  }

  tensor(name: string): Tensor {
    const entry = this.#entry(name);
    return this.#file(entry).tensor(entry.offset, entry.dtype, entry.shape);
  }

  release(name: string): void {
    const entry = this.#entry(name);
    this.#file(entry).release(entry.offset, entry.byteLength);
  }

  #entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    throw new SalientError(
      "input",
      `Tensor ${
        showName(name)
      } is missing from ${this.directory}: the checkpoint is incomplete or of another architecture`,
      { file: this.directory, tensor: name },
    );
  }

  #file(entry: TensorEntry): MappedFile {
    const file = this.#mapped.get(entry.file);
    if (file === undefined || this.#resources.disposed) {
      throw new SalientError(
        "failed",
        `Checkpoint ${this.directory} was used after it was closed`,
        {
          file: this.directory,
          tensor: entry.name,
        },
      );
    }
    return file;
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}
