/**
 * Opens GGUF files as checkpoints.
 *
 * @module
 */

import type { Backend, MappedFile } from "../backend.ts";
import type { Checkpoint, JsonObject, TensorEntry } from "../checkpoint/types.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { findFamily } from "../model/families/find_family.ts";
import type { Tensor } from "../tensor.ts";
import { ggufArchitecture } from "./architecture.ts";
import { configOfMetadata } from "./config_of_metadata.ts";
import { dequantizeBlocks } from "./dequantize_blocks.ts";
import { GGML_TYPES, type GgmlType } from "./ggml_type.ts";
import { interleavedRow } from "./head_order.ts";
import { readSplitGguf, type SplitGguf } from "./read_split_gguf.ts";
import { tensorNames } from "./tensor_names.ts";

const PIECE = 2 ** 22;

/** Where a tensor is, and what has to be done to it. */
interface Source {
  readonly mapped: MappedFile;
  readonly type: GgmlType;
  readonly offset: number;
  /** Where row n of Hugging Face's lies in the file; undefined where it is row n. */
  readonly rowOf: ((n: number) => number) | undefined;
}

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
  const sources = new Map<string, Source>();
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

interface GgufParts {
  readonly path: string;
  readonly config: JsonObject;
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly sources: ReadonlyMap<string, Source>;
  readonly backend: Backend;
  readonly owned: DisposableStack;
}

class GgufCheckpoint implements Checkpoint {
  readonly directory: string;
  readonly config: JsonObject;
  readonly generationConfig = undefined;
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly byteLength: number;
  readonly #parts: GgufParts;

  constructor(parts: GgufParts) {
    this.directory = parts.path;
    this.config = parts.config;
    this.entries = parts.entries;
    this.byteLength = [...parts.entries.values()].reduce((sum, each) => sum + each.byteLength, 0);
    this.#parts = parts;
  }

  tensor(name: string): Tensor {
    const { entry, source } = this.#find(name);
    const { backend } = this.#parts;
    const { mapped } = source;
    if (GGML_TYPES[source.type].values === 1 && source.rowOf === undefined) {
      return mapped.tensor(source.offset, entry.dtype, entry.shape);
    }
    const rows = entry.shape[0] ?? 1;
    const size = entry.shape.reduce((product, length) => product * length, 1);
    const values = new Float32Array(size);
    const [stride, width] = [entry.byteLength / rows, size / rows];
    const step = Math.max(1, Math.floor(PIECE / stride));
    for (let start = 0; start < rows; start += step) {
      const count = Math.min(step, rows - start);
      using part = mapped.tensor(source.offset + start * stride, "U8", [count * stride]);
      const read = dequantizeBlocks(source.type, backend.downloadBytes(part));
      values.set(read, start * width);
    }
    const ordered = source.rowOf === undefined ? values : reorder(values, width, source.rowOf);
    if (entry.dtype === "F32") return backend.upload(ordered, "F32", entry.shape);
    // Turned rows of a plain tensor: the values came from this type and go back to it unchanged.
    const narrow = entry.dtype === "F16" ? new Float16Array(ordered) : upperHalves(ordered);
    return backend.upload(narrow, entry.dtype, entry.shape);
  }

  release(name: string): void {
    const { entry, source } = this.#find(name);
    source.mapped.release(source.offset, entry.byteLength);
  }

  #find(name: string): { readonly entry: TensorEntry; readonly source: Source } {
    const [entry, source] = [this.entries.get(name), this.#parts.sources.get(name)];
    if (this.#parts.owned.disposed) {
      throw new SalientError("failed", `Checkpoint ${this.directory} was used after it was closed`);
    }
    if (entry !== undefined && source !== undefined) return { entry, source };
    throw new SalientError(
      "input",
      `Tensor ${
        showName(name)
      } is missing from ${this.directory}: the file is incomplete or of another architecture`,
      { file: this.directory, tensor: name },
    );
  }

  [Symbol.dispose](): void {
    this.#parts.owned.dispose();
  }
}

function reorder(
  values: Float32Array<ArrayBuffer>,
  width: number,
  rowOf: (n: number) => number,
): Float32Array<ArrayBuffer> {
  const ordered = new Float32Array(values.length);
  for (let n = 0; n < values.length / width; n++) {
    const from = rowOf(n) * width;
    ordered.set(values.subarray(from, from + width), n * width);
  }
  return ordered;
}

function upperHalves(values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
}
