/**
 * Opens GGUF files as checkpoints.
 *
 * @module
 */

import type { Backend, MappedFile } from "../backend.ts";
import type { Checkpoint, TensorEntry } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { findFamily } from "../model/families/find_family.ts";
import { configOfMetadata } from "./config_of_metadata.ts";
import { GGML_TYPES } from "./ggml_type.ts";
import { GgufCheckpoint, type GgufSource } from "./gguf_checkpoint.ts";
import { ggufArchitecture } from "./gguf_architecture.ts";
import { readSplitGguf, type SplitGguf } from "./read_split_gguf.ts";
import { inverseOrder } from "./row_order.ts";
import { type NamedTensor, tensorNames } from "./tensor_names.ts";

/**
 * Opens a GGUF file as if it were a Hugging Face checkpoint: names and configuration are translated, blocks become F32
 * when a tensor is asked for, and rows, norms and
 * transposed weights are put back into their form. Plain tensors are views of the
 * mapped file. {@linkcode GgmlType} says which types are read.
 *
 * @param path The file, or the first of several.
 *
 * @throws {SalientError} `input`, naming the file.
 */
export async function openGgufCheckpoint(path: string, backend: Backend): Promise<Checkpoint> {
  const header = await readSplitGguf(path);
  using opened = new DisposableStack();
  const mapped = header.files.map((file) => {
    const each = opened.use(backend.mapFile(file.path));
    if (each.byteLength === file.fileBytes) return each;
    throw new SalientError("input", `${file.path} changed while it was opened: try again`, {
      file: file.path,
    });
  });
  const config = configOfMetadata(path, header, (name) => floats(header, name, mapped, backend));
  const family = findFamily(config);
  const structure = family.describe(config, () => true);
  const entries = new Map<string, TensorEntry>();
  const sources = new Map<string, GgufSource>();
  for (const tensor of tensorNames(ggufArchitecture(family, structure), structure)) {
    const { name, gguf, part: { index, count } = { index: 0, count: 1 } } = tensor;
    const found = header.tensors.get(gguf);
    const owner = found && mapped[found.file];
    if (found === undefined || owner === undefined) continue; // whoever needs it says that it is missing
    const { type } = found;
    const shape = count === 1 && tensor.part === undefined ? found.shape : found.shape.slice(1);
    if (tensor.part !== undefined && found.shape[0] !== count) {
      throw new SalientError("input", `${path} has other than ${count} experts in ${gguf}`, {
        file: path,
        tensor: gguf,
      });
    }
    if (tensor.offset !== undefined && type !== "F32") {
      throw new SalientError("input", `${path} has a norm ${gguf} of ${type}, which is not read`, {
        file: path,
        tensor: gguf,
      });
    }
    const byteLength = found.byteLength / count;
    const offset = found.offset + index * byteLength;
    const dtype = type === "F16" || type === "BF16" ? type : "F32";
    entries.set(name, {
      name,
      dtype,
      shape: isSame(shape, tensor.shape) ? tensor.stored ?? shape : shape,
      file: owner.path.split("/").at(-1) ?? path,
      offset,
      byteLength,
      ...(GGML_TYPES[type].values > 1 ? { blocks: type } : {}),
    });
    sources.set(name, {
      mapped: owner,
      type,
      offset,
      rows: shape[0] ?? 1,
      order: orderOf(tensor, shape[0]),
      transposed: tensor.transposed === true && isSame(shape, tensor.shape),
      added: tensor.offset ?? 0,
    });
  }
  return new GgufCheckpoint({
    path,
    config,
    entries,
    sources,
    backend,
    owned: opened.move(),
  });
}

/** Where row n of Hugging Face's lies; undefined where it is row n, or where the tensor is not what it should be. */
function orderOf({ order }: NamedTensor, rows: number | undefined): Int32Array | undefined {
  return order === undefined || order.length !== rows ? undefined : inverseOrder(order);
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

/** The values of an F32 tensor, where there is one: of those that stretch positions. */
function floats(
  { tensors }: SplitGguf,
  name: string,
  mapped: readonly MappedFile[],
  backend: Backend,
): Float32Array | undefined {
  const found = tensors.get(name);
  if (found?.type !== "F32") return undefined;
  using tensor = mapped[found.file]?.tensor(found.offset, "F32", found.shape);
  return tensor && backend.download(tensor);
}
