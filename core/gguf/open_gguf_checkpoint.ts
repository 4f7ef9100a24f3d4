/**
 * Opens GGUF files as checkpoints.
 *
 * @module
 */

import type { Backend, MappedFile } from "../backend.ts";
import type { Checkpoint, TensorEntry } from "../checkpoint/types.ts";
import { SalientError } from "../errors.ts";
import { findFamily } from "../model/families/find_family.ts";
import { ggufArchitecture } from "./architecture.ts";
import { configOfMetadata } from "./config_of_metadata.ts";
import { GGML_TYPES } from "./ggml_type.ts";
import { GgufCheckpoint, type GgufSource } from "./gguf_checkpoint.ts";
import { interleavedRow } from "./head_order.ts";
import { readSplitGguf, type SplitGguf } from "./read_split_gguf.ts";
import { tensorNames } from "./tensor_names.ts";

/**
 * Opens a GGUF file as if it were a Hugging Face checkpoint: names and configuration are translated, blocks become F32
 * when a tensor is asked for, and rows of q and k are put back into their order. Plain tensors are views of the
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
  const config = configOfMetadata(path, header, ropeTensor(header, mapped, backend));
  const family = findFamily(config);
  const structure = family.describe(config, () => true);
  const { interleaved } = ggufArchitecture(family, structure);
  const entries = new Map<string, TensorEntry>();
  const sources = new Map<string, GgufSource>();
  for (const { name, gguf, kind, role } of tensorNames(structure)) {
    const found = header.tensors.get(gguf);
    if (found === undefined) continue; // whoever needs it says that it is missing
    const { type, shape, offset, byteLength, file } = found;
    const owner = mapped[file];
    if (owner === undefined) continue;
    const turned = interleaved && (kind === "linear" || kind === "bias") &&
      (role === "q" || role === "k");
    const dtype = type === "F16" || type === "BF16" ? type : "F32";
    entries.set(name, {
      name,
      dtype,
      shape,
      file: owner.path.split("/").at(-1) ?? path,
      offset,
      byteLength,
      ...(GGML_TYPES[type].values > 1 ? { blocks: type } : {}),
    });
    const { headDim } = structure.config;
    const rowOf = turned ? (n: number) => interleavedRow(n, headDim) : undefined;
    sources.set(name, { mapped: owner, type, offset, rowOf });
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

/** The values of the tensor that stretches positions, where there is one. */
function ropeTensor(
  { tensors }: SplitGguf,
  mapped: readonly MappedFile[],
  backend: Backend,
): Float32Array | undefined {
  const found = tensors.get("rope_freqs.weight");
  if (found?.type !== "F32") return undefined;
  using tensor = mapped[found.file]?.tensor(found.offset, "F32", found.shape);
  return tensor && backend.download(tensor);
}
