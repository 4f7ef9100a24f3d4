/**
 * Writes GGUF files for llama.cpp.
 *
 * @module
 */

import type { AffineGrid, QuantizedWeight } from "../backend.ts";
import { discard } from "../discard.ts";
import { SalientError } from "../errors.ts";
import { Checksum } from "../export/checksum.ts";
import { refuseLinear } from "../export/refuse_linear.ts";
import { transposeTensor } from "../export/transpose_tensor.ts";
import { blockPieces } from "../gguf/block_pieces.ts";
import { blockType } from "../gguf/block_type.ts";
import type { GgmlType } from "../gguf/ggml_type.ts";
import { GGML_TYPES } from "../gguf/ggml_type.ts";
import { ggufArchitecture } from "../gguf/gguf_architecture.ts";
import { GgufWriter } from "../gguf/gguf_writer.ts";
import { modelMetadata } from "../gguf/model_metadata.ts";
import { readTokenizerFiles } from "../gguf/read_tokenizer_files.ts";
import { rechunk } from "../gguf/rechunk.ts";
import { orderedRows } from "../gguf/ordered_rows.ts";
import { ropeFactors } from "../gguf/rope_factors.ts";
import { type NamedTensor, tensorNames } from "../gguf/tensor_names.ts";
import { tokenizerMetadata } from "../gguf/tokenizer_metadata.ts";
import { PLAIN_PIECE, verifyGguf } from "../gguf/verify_gguf.ts";
import { castable } from "../pipeline/fold_factors.ts";
import { tensorBytes } from "../pipeline/tensor_bytes.ts";
import type { LinearInfo } from "../plugin.ts";
import type { Tensor } from "../tensor.ts";
import { basename, dirname, resolve } from "node:path";
import { releasing } from "./releasing.ts";
import type { ModelOutput, OutputFormat, OutputOptions, StreamedTensor } from "./model_output.ts";

const NAME = "gguf";

/**
 * The format `gguf`: one file with weights, sizes and tokenizer, which llama.cpp and what is built on it load. Each
 * linear lies in the blocks that hold its grid ({@linkcode blockType}); embedding, head and plain linears
 * keep their type, norms and biases are F32.
 */
export const ggufOutput: OutputFormat = {
  name: NAME,
  scaleDtype: "F16",
  mixed: true,
  activations: false,
  check,
  isExact: (grid) => blockType(grid) !== "Q4_1",
  expertType: (grid) => blockType(grid) ?? "plain",
  byteLength: ({ shape: [outputs, inputs] }, grid) => {
    const { values, bytes } = GGML_TYPES[blockType(grid) ?? "Q8_0"];
    return outputs * inputs / values * bytes;
  },
  create,
};

function check(linear: LinearInfo, grid: AffineGrid): void {
  const { name, shape: [, inputs] } = linear;
  const groupSize = grid.groupSize === -1 ? inputs : grid.groupSize;
  if (groupSize % 32 !== 0 || inputs % groupSize !== 0) {
    throw refuseLinear(
      NAME,
      linear,
      `has blocks of 32 inputs, which do not make up the groups of ${groupSize} of ${name}: use a multiple of 32`,
    );
  }
  if (blockType({ ...grid, groupSize }) === undefined) {
    throw refuseLinear(
      NAME,
      linear,
      `holds 8 bits only on a symmetric grid, not that of ${name}: use --symmetric, or fewer bits`,
    );
  }
  if (grid.scaleDtype !== "F16") {
    throw refuseLinear(
      NAME,
      linear,
      `stores scales as F16, not the ${grid.scaleDtype} of ${name}: use F16`,
    );
  }
}

async function create(options: OutputOptions): Promise<ModelOutput> {
  const { model, out } = options;
  if (!out.endsWith(".gguf")) {
    throw new SalientError(
      "input",
      `${out} is no name for a GGUF file: give one that ends in .gguf`,
    );
  }
  const architecture = ggufArchitecture(model.family, model.architecture);
  const metadata = modelMetadata(
    architecture,
    model.architecture,
    basename(resolve(model.directory)),
  );
  if (model.family.name.endsWith("_text")) {
    options.warn?.(
      `${model.directory} also sees: the file has its text model only, pictures need a file of llama.cpp's (mmproj)`,
    );
  }
  const files = await readTokenizerFiles(model.directory);
  if (files === undefined) {
    metadata.set("tokenizer.ggml.model", { type: "string", value: "none" });
    options.warn?.(
      `${model.directory} has no tokenizer that is read: the file will have no tokenizer`,
    );
  } else {
    const { values, warning } = tokenizerMetadata(files, model.config.vocabSize);
    for (const [key, value] of values) metadata.set(key, value);
    if (warning !== undefined) options.warn?.(warning);
  }
  const names = tensorNames(architecture, model.architecture);
  const { rope } = model.config;
  const factors = [...rope === undefined ? [] : ropeFactors(rope)];
  const declared = new Map(names.map(({ gguf, shape, part }) => {
    return [gguf, part === undefined ? shape : [part.count, ...shape]] as const;
  }));
  for (const [name, { length }] of factors) declared.set(name, [length]);
  const tensors = [...declared].map(([name, shape]) => ({ name, shape }));
  const writer = await GgufWriter.create(out, metadata, tensors, undefined, options.temporary);
  const output = new GgufOutput(options, names, writer);
  for (const [name, values] of factors) await output.addFactors(name, values);
  return output;
}

class GgufOutput implements ModelOutput {
  readonly temporary: string;
  readonly #options: OutputOptions;
  readonly #names: ReadonlyMap<string, NamedTensor>;
  readonly #writer: GgufWriter;
  readonly #written = new Map<string, { readonly type: GgmlType; readonly sums: string[] }>();
  /** Names in the checkpoint. */
  readonly #done = new Set<string>();

  constructor(
    options: OutputOptions,
    names: readonly NamedTensor[],
    writer: GgufWriter,
  ) {
    this.#options = options;
    this.#names = new Map(names.map((tensor) => [tensor.name, tensor]));
    this.#writer = writer;
    this.temporary = dirname(writer.temporary);
  }

  get byteLength(): number {
    return this.#writer.byteLength;
  }

  /** What stretches positions by a factor for each pair of channels. */
  async addFactors(gguf: string, { buffer }: Float32Array<ArrayBuffer>): Promise<void> {
    await this.#write({ name: "", gguf }, "F32", [new Uint8Array(buffer)]);
  }

  async addLinear(info: LinearInfo, weight: QuantizedWeight): Promise<void> {
    const tensor = this.#named(`${info.name}.weight`);
    const type = blockType(weight.grid);
    if (type === undefined) throw new SalientError("failed", `No blocks hold ${info.name}`);
    const values = new Checksum();
    const rowOf = (n: number): number => tensor.order?.[n] ?? n;
    const { ops } = this.#options;
    const pieces = blockPieces({ weight, type, rowOf, values, ops });
    await this.#writer.add(tensor.gguf, type, pieces, tensor.part);
    this.#note(tensor, type, values.text);
  }

  async addChanged(name: string, tensor: Tensor): Promise<void> {
    await this.#addPlain(this.#named(name), tensor);
  }

  async addStream({ name, dtype, bytes }: StreamedTensor): Promise<void> {
    const tensor = this.#named(name);
    const plain = castable(dtype);
    if (this.#isAsIs(tensor) && plain === dtype) return await this.#write(tensor, plain, bytes);
    const { ops } = this.#options;
    const parts: Uint8Array[] = [];
    for await (const piece of bytes) parts.push(piece.slice());
    const whole = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
    using uploaded = ops.upload(whole, dtype, tensor.stored ?? tensor.shape);
    await this.#addPlain(tensor, uploaded);
  }

  async copy(prefix: string): Promise<void> {
    const { checkpoint } = this.#options.model;
    for (const tensor of this.#names.values()) {
      if (this.#done.has(tensor.name) || !tensor.name.startsWith(prefix)) continue;
      const name = this.#sourceOf(tensor);
      const entry = checkpoint.entries.get(name);
      const pieces = checkpoint.pieces?.(name);
      const asIs = entry !== undefined && castable(entry.dtype) === entry.dtype &&
        this.#isAsIs(tensor);
      if (asIs && pieces !== undefined) {
        await this.#write(tensor, castable(entry.dtype), releasing(checkpoint, name, pieces));
      } else {
        using source = checkpoint.tensor(name);
        if (asIs) {
          const bytes = releasing(checkpoint, name, tensorBytes(this.#options.ops, source));
          await this.#write(tensor, castable(entry.dtype), bytes);
        } else await this.#addPlain(tensor, source);
      }
      checkpoint.release(name);
    }
  }

  async finish(): Promise<void> {
    await this.copy("");
  }

  async commit(): Promise<void> {
    await this.#writer.publish((path) => verifyGguf(path, this.#written));
  }

  /** Removes the file, unless it was committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
  }

  /** Where the model keeps a tensor: a tied embedding may be stored as the head. */
  #sourceOf({ name, kind }: NamedTensor): string {
    const { checkpoint: { entries }, architecture: { ends } } = this.#options.model;
    return kind === "embedding" && !entries.has(name) ? ends.head : name;
  }

  async #addPlain(named: NamedTensor, tensor: Tensor): Promise<void> {
    const { ops } = this.#options;
    const type = named.kind === "small" ? "F32" : castable(tensor.dtype);
    using cast = tensor.dtype === type ? undefined : await ops.cast(tensor, type);
    using turned = named.transposed === true ? transposeTensor(cast ?? tensor, ops) : undefined;
    const last = turned ?? cast ?? tensor;
    const { order, offset } = named;
    if (offset !== undefined) {
      const values = ops.download(last).map((value) => value + offset);
      return await this.#write(named, type, [new Uint8Array(values.buffer)]);
    }
    const bytes = order === undefined
      ? tensorBytes(ops, last)
      : [orderedRows(ops.downloadBytes(last), order)];
    await this.#write(named, type, bytes);
  }

  async #write(
    tensor: Pick<NamedTensor, "name" | "gguf" | "part">,
    type: GgmlType,
    bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const sum = new Checksum();
    async function* summed(): AsyncGenerator<Uint8Array> {
      for await (const piece of rechunk(bytes, PLAIN_PIECE)) {
        sum.add(piece);
        yield piece;
        discard(piece);
      }
    }
    await this.#writer.add(tensor.gguf, type, summed(), tensor.part);
    this.#note(tensor, type, sum.text);
  }

  /** Remembers what was written. */
  #note(
    { name, gguf, part }: Pick<NamedTensor, "name" | "gguf" | "part">,
    type: GgmlType,
    sum: string,
  ): void {
    const { sums } = this.#written.get(gguf) ?? { sums: [] };
    sums[part?.index ?? 0] = sum;
    this.#written.set(gguf, { type, sums });
    this.#done.add(name);
  }

  /** Whether the file has it as the checkpoint does. */
  #isAsIs({ kind, order, transposed, offset }: NamedTensor): boolean {
    return kind !== "small" && order === undefined && transposed !== true && offset === undefined;
  }

  #named(name: string): NamedTensor {
    const found = this.#names.get(name);
    if (found !== undefined) return found;
    throw new SalientError("failed", `Format gguf has no place for tensor ${name}`, {
      tensor: name,
    });
  }
}
