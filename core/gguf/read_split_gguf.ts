/**
 * Reads the headers of a model that lies in several GGUF files.
 *
 * @module
 */

import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { type GgufHeader, readGguf } from "./read_gguf.ts";

/** A tensor, and which of the files holds it. */
export type SplitTensor = GgufHeader["tensors"] extends ReadonlyMap<string, infer T>
  ? T & { readonly file: number }
  : never;

/** What the headers say together. */
export interface SplitGguf {
  /** Metadata of the first file, which has all that concerns the model. */
  readonly metadata: GgufHeader["metadata"];
  /** Tensors of all files by name. */
  readonly tensors: ReadonlyMap<string, SplitTensor>;
  /** The files in order. */
  readonly files: readonly { readonly path: string; readonly fileBytes: number }[];
}

const MOST_FILES = 1000;
const NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s;

/**
 * Reads one file, or all of those that `gguf-split` made of it (`NAME-00001-of-00003.gguf` and so on), given the first:
 * each must say that it is the one that its name says, and no tensor may be in two of them.
 *
 * @throws {SalientError} `input`, naming the file.
 */
export async function readSplitGguf(path: string): Promise<SplitGguf> {
  const first = await readGguf(path);
  const count = first.metadata.get("split.count") ?? 0;
  if (count === 0 || count === 1) return join([path], [first]);
  const refuse = (text: string): SalientError =>
    new SalientError("input", `${path} ${text}`, { file: path });
  if (typeof count !== "number" || count > MOST_FILES) {
    throw refuse(`says that it is one of ${showName(String(count))} files, which cannot be`);
  }
  const [, stem = "", number, total] = NAME.exec(path) ?? [];
  if (number === undefined || Number(total) !== count) {
    throw refuse(
      `is one of ${count} files, but is not named so: give it the name ...-00001-of-${
        digits(count)
      }.gguf again, beside the others`,
    );
  }
  const paths = Array.from(
    { length: count },
    (_, i) => `${stem}-${digits(i + 1)}-of-${total}.gguf`,
  );
  if (paths[0] !== path) throw refuse(`is not the first of its files: give ${paths[0]}`);
  const headers = [first];
  for (const other of paths.slice(1)) headers.push(await readGguf(other));
  for (const [i, { metadata }] of headers.entries()) {
    if (metadata.get("split.no") === i && metadata.get("split.count") === count) continue;
    throw new SalientError(
      "input",
      `${paths[i]} does not say that it is file ${
        i + 1
      } of ${count}: fetch all files of one model again`,
      { file: paths[i] ?? path },
    );
  }
  const joined = join(paths, headers);
  const said = first.metadata.get("split.tensors.count");
  if (said !== undefined && said !== joined.tensors.size) {
    throw refuse(
      `and its ${count - 1} other files have ${joined.tensors.size} tensors, not the ${
        showName(String(said))
      } it says: fetch them again`,
    );
  }
  return joined;
}

function digits(number: number): string {
  return String(number).padStart(5, "0");
}

function join(paths: readonly string[], headers: readonly GgufHeader[]): SplitGguf {
  const tensors = new Map<string, SplitTensor>();
  for (const [file, header] of headers.entries()) {
    for (const [name, tensor] of header.tensors) {
      if (tensors.has(name)) {
        throw new SalientError(
          "input",
          `Tensor ${showName(name)} is in ${
            paths[file]
          } and in an earlier file: fetch all files again`,
          { file: paths[file] ?? "", tensor: name },
        );
      }
      tensors.set(name, { ...tensor, file });
    }
  }
  return {
    metadata: headers[0]?.metadata ?? new Map(),
    tensors,
    files: paths.map((path, i) => ({ path, fileBytes: headers[i]?.fileBytes ?? 0 })),
  };
}
