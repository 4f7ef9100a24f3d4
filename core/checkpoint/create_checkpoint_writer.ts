/**
 * Writes checkpoints.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { type DType, DTYPE_BYTES } from "../tensor.ts";
import { byteLengthOf } from "./byte_length.ts";
import { copyCompanionFiles } from "./companions.ts";
import { diskError } from "./disk_error.ts";
import { INDEX_FILE, SINGLE_FILE } from "./list_shards.ts";
import { OutputDirectory } from "./output_directory.ts";
import { type CreateFile, createFileOnDisk, OutputFile } from "./output_file.ts";
import { ShardWriter, type TensorBytes } from "./shard_writer.ts";
import { showName } from "./show_name.ts";
import { stringifyLike } from "./stringify_like.ts";
import type { CheckpointWriter, Json } from "./types.ts";

/** How a checkpoint is written. */
export interface CheckpointWriterOptions {
  /** Bytes of tensors after which a new file is begun. Default 5e9, as Hugging Face does. */
  readonly shardBytes?: number;
  /**
   * Bytes kept for the header at the start of each file; a file whose header is full is followed by a
   * new one. Default 1 MiB, enough for some 7,000 tensors; small files give back what they do not need.
   */
  readonly headerRoom?: number;
  /** Creates the files. Default on the disk; tests let it fail. */
  readonly createFile?: CreateFile;
  /** The temporary directory, which must be on the same disk and not exist. Default: one beside the directory to be. */
  readonly temporary?: string | undefined;
}

/**
 * Begins a checkpoint directory. Tensors are streamed to safetensors files in a temporary directory
 * beside it, `.NAME.salient-XXXXXXXX`, which `commit` renames into place: what exists is whole. Disposing the
 * writer without a commit removes everything it made.
 *
 * @param directory The directory to be; it must not exist, or be empty. Missing parents are made.
 * @throws {SalientError} `input` where the directory is taken or cannot be made.
 *
 * @example Two numbers in a file
 * ```ts
 * import { createCheckpointWriter } from "@salient/quant";
 * import assert from "node:assert/strict";
 *
 * const parent = await Deno.makeTempDir();
 * {
 *   await using writer = await createCheckpointWriter(`${parent}/two-numbers`);
 *   await writer.add("x", "F32", [2], new Uint8Array(new Float32Array([1, 2]).buffer));
 *   await writer.json("config.json", { model_type: "none" });
 *   await writer.commit();
 * }
 * const names = [...Deno.readDirSync(`${parent}/two-numbers`)].map((entry) => entry.name).sort();
 * assert.deepEqual(names, ["config.json", "model.safetensors"]);
 * await Deno.remove(parent, { recursive: true });
 * ```
 */
export async function createCheckpointWriter(
  directory: string,
  options: CheckpointWriterOptions = {},
): Promise<CheckpointWriter> {
  const shardBytes = options.shardBytes ?? 5e9;
  const headerRoom = options.headerRoom ?? 2 ** 20;
  if (!(shardBytes >= 1)) {
    throw new SalientError("usage", `The shard size must be at least 1 byte but is ${shardBytes}`);
  }
  return new DirectoryWriter(await OutputDirectory.create(directory, options.temporary), {
    shardBytes,
    headerRoom,
    createFile: options.createFile ?? createFileOnDisk,
  });
}

type WriterOptions = Required<Omit<CheckpointWriterOptions, "temporary">>;

class DirectoryWriter implements CheckpointWriter {
  readonly directory: string;
  readonly temporary: string;
  readonly #output: OutputDirectory;
  readonly #options: WriterOptions;
  /** Complete shards: temporary name of the file and what it holds. */
  readonly #shards: { readonly path: string; readonly names: readonly string[] }[] = [];
  readonly #names = new Set<string>();
  #current: { readonly path: string; readonly writer: ShardWriter } | undefined;
  #byteLength = 0;
  #state: "open" | "broken" | "closed" = "open";
  /** Ends when the work asked for so far has ended: one thing is written at a time. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(output: OutputDirectory, options: WriterOptions) {
    this.#output = output;
    this.directory = output.directory;
    this.temporary = output.temporary;
    this.#options = options;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  add(name: string, dtype: DType, shape: readonly number[], bytes: TensorBytes): Promise<void> {
    return this.#inTurn(async () => {
      const byteLength = this.#checkTensor(name, dtype, shape);
      const tensor = { name, dtype, shape: [...shape], byteLength };
      let shard = this.#current?.writer;
      if (shard !== undefined) {
        const full = shard.byteLength > 0 &&
          shard.byteLength + byteLength > this.#options.shardBytes;
        if (full || !shard.hasRoomFor(tensor)) {
          await (await this.#finishShard())?.settle();
          this.#current = undefined;
          shard = undefined;
        }
      }
      shard ??= await this.#beginShard(tensor);
      await shard.append(tensor, bytes);
      this.#names.add(name);
      this.#byteLength += byteLength;
    });
  }

  json(name: string, value: Json, like?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (!/^[\w.-]+\.json$/.test(name) || name === INDEX_FILE) {
        throw fault(
          this.directory,
          `${showName(name)} is not a name for a JSON file beside the weights`,
        );
      }
      await this.#writeJson(name, value, like);
    });
  }

  copyCompanions(from: string): Promise<void> {
    return this.#inTurn(() => copyCompanionFiles(from, this.temporary, this.#options.createFile));
  }

  commit(check?: (directory: string) => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#current === undefined && this.#shards.length === 0) await this.#beginShard();
      const last = await this.#finishShard();
      await this.#nameShards();
      // What was written is read while it goes to the disk.
      const ends = await Promise.allSettled([last?.settle(), check?.(this.temporary)]);
      for (const end of ends) if (end.status === "rejected") throw end.reason;
      this.#current = undefined;
      await this.#output.publish();
      this.#state = "closed";
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // First, so that what still waits for its turn is not begun.
    this.#state = "closed";
    await this.#tail;
    this.#current?.writer[Symbol.dispose]();
    await this.#output[Symbol.asyncDispose]();
  }

  /** Runs `work` after what was asked for before. Once something failed, nothing more is done. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#tail.then(async () => {
      if (this.#state !== "open") {
        const why = this.#state === "broken" ? "after a write failed" : "after it was closed";
        throw fault(this.directory, `The writer of ${this.directory} was used ${why}`);
      }
      try {
        await work();
      } catch (error) {
        if (this.#state === "open") this.#state = "broken";
        throw error;
      }
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  #checkTensor(name: string, dtype: DType, shape: readonly number[]): number {
    const shown = `Tensor ${showName(name)}`;
    if (name === "" || name === "__metadata__" || !name.isWellFormed()) {
      throw fault(this.directory, `${shown} has a name that safetensors cannot hold`, name);
    }
    if (this.#names.has(name)) throw fault(this.directory, `${shown} was written twice`, name);
    const byteLength = Object.hasOwn(DTYPE_BYTES, dtype) ? byteLengthOf(dtype, shape) : undefined;
    if (byteLength === undefined) {
      const type = `${dtype} [${shape.join(", ")}]`;
      throw fault(this.directory, `${shown} has an impossible type or shape, ${type}`, name);
    }
    return byteLength;
  }

  async #beginShard(first?: Parameters<ShardWriter["append"]>[0]): Promise<ShardWriter> {
    const path = `${this.temporary}/shard-${this.#shards.length + 1}.safetensors`;
    const writer = await ShardWriter.create(path, { ...this.#options, first });
    this.#current = { path, writer };
    return writer;
  }

  /** Ends the current shard, which is still to be settled. */
  async #finishShard(): Promise<ShardWriter | undefined> {
    if (this.#current === undefined) return undefined;
    const { path, writer } = this.#current;
    await writer.finish();
    this.#shards.push({ path, names: writer.names });
    return writer;
  }

  async #nameShards(): Promise<void> {
    const count = this.#shards.length;
    const weightMap: Record<string, string> = Object.create(null);
    for (const [index, shard] of this.#shards.entries()) {
      const file = count === 1 ? SINGLE_FILE : shardName(index + 1, count);
      const path = `${this.temporary}/${file}`;
      try {
        await Deno.rename(shard.path, path);
      } catch (cause) {
        throw diskError(path, cause);
      }
      for (const name of shard.names) weightMap[name] = file;
    }
    if (count === 1) return;
    const metadata = { total_size: this.#byteLength };
    await this.#writeJson(INDEX_FILE, { metadata, weight_map: weightMap });
  }

  async #writeJson(name: string, value: Json, like?: string): Promise<void> {
    const text = like === undefined ? JSON.stringify(value, null, 2) : stringifyLike(value, like);
    using file = await OutputFile.create(`${this.temporary}/${name}`, this.#options.createFile);
    await file.write(new TextEncoder().encode(`${text}\n`), 0);
    await file.finish();
  }
}

/** `model-00001-of-00003.safetensors`. */
function shardName(index: number, count: number): string {
  const digits = (value: number): string => String(value).padStart(5, "0");
  return `model-${digits(index)}-of-${digits(count)}.safetensors`;
}

function fault(file: string, what: string, tensor?: string): SalientError {
  const message = `${what}: this is a fault in the program`;
  return new SalientError("failed", message, tensor === undefined ? { file } : { file, tensor });
}
