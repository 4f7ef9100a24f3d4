/**
 * Reads the header of GGUF files.
 *
 * @module
 */

import { openRegularFile, readError } from "../checkpoint/open_regular_file.ts";
import { showName } from "../checkpoint/show_name.ts";
import { sizeOf } from "../tensor.ts";
import { SalientError } from "../errors.ts";
import { GGML_TYPES, ggmlBytes, type GgmlType, OTHER_GGML_TYPES } from "./ggml_type.ts";
import { GgufCursor } from "./gguf_cursor.ts";
import type { GgufTensorHead } from "./gguf_header.ts";
import { GGUF_TYPES } from "./gguf_value.ts";

/** A value as it is read: whole numbers of 64 bits as numbers where they are exact. */
export type ReadValue = string | number | boolean | readonly (string | number | boolean)[];

/** What a header says. */
export interface GgufHeader {
  /** Metadata by key. */
  readonly metadata: ReadonlyMap<string, ReadValue>;
  /** Tensors by name; `offset` is from the start of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensorHead & { readonly byteLength: number }>;
  /** Length of the file. */
  readonly fileBytes: number;
}

const MOST_KEYS = 65536;
const MOST_TENSORS = 2 ** 20;
const MOST_VALUES = 2 ** 24;
const LONGEST_NAME = 1024;
const LONGEST_TEXT = 2 ** 24;
const SINGLE = new Map<
  number,
  "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "f32" | "bool" | "u64" | "i64" | "f64"
>([
  [0, "u8"],
  [1, "i8"],
  [2, "u16"],
  [3, "i16"],
  [4, "u32"],
  [5, "i32"],
  [6, "f32"],
  [7, "bool"],
  [10, "u64"],
  [11, "i64"],
  [12, "f64"],
]);
const TYPE_OF_ID = new Map(
  (Object.keys(GGML_TYPES) as GgmlType[]).map((type) => [GGML_TYPES[type].id, type]),
);

/**
 * Reads and checks a header, little-endian, version 2 or 3: every count, length, shape and offset is compared with
 * the file before it is used.
 *
 * @throws {SalientError} `input`, naming the file.
 */
export async function readGguf(path: string): Promise<GgufHeader> {
  using file = await openRegularFile(path);
  const cursor = new GgufCursor(file.handle, file.byteLength, path);
  try {
    return await readHeader(cursor);
  } catch (cause) {
    throw readError(path, cause);
  }
}

async function readHeader(cursor: GgufCursor): Promise<GgufHeader> {
  if (cursor.fileBytes < 24 || await cursor.u32() !== 0x46554747) {
    throw cursor.refuse("is not a GGUF file");
  }
  const version = await cursor.u32();
  if (version !== 2 && version !== 3) {
    throw cursor.refuse(`has version ${version} of GGUF, and 2 and 3 are read`);
  }
  const tensorCount = await cursor.count(MOST_TENSORS, 24, "tensors");
  const keyCount = await cursor.count(MOST_KEYS, 12, "keys");
  const metadata = new Map<string, ReadValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = await cursor.string(LONGEST_NAME, "a key");
    if (metadata.has(key)) throw cursor.refuse(`has the key ${showName(key)} twice`);
    metadata.set(key, await readValue(cursor, await cursor.u32(), key));
  }
  const alignment = metadata.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || alignment < 8 || alignment > 65536 || alignment % 8 !== 0) {
    throw cursor.refuse(`has an alignment of ${showName(String(alignment))}`);
  }
  const heads: GgufTensorHead[] = [];
  for (let i = 0; i < tensorCount; i++) heads.push(await readTensorHead(cursor));
  const start = Math.ceil(cursor.position / alignment) * alignment;
  return { metadata, tensors: place(cursor, heads, start), fileBytes: cursor.fileBytes };
}

async function readValue(cursor: GgufCursor, type: number, key: string): Promise<ReadValue> {
  if (type === GGUF_TYPES.string) return await cursor.string(LONGEST_TEXT, `key ${showName(key)}`);
  const single = SINGLE.get(type);
  if (single !== undefined) return await cursor.single(single);
  if (type !== GGUF_TYPES.array) throw cursor.refuse(`has type ${type} at ${showName(key)}`);
  const element = await cursor.u32();
  const kind = SINGLE.get(element);
  if (kind === undefined && element !== GGUF_TYPES.string) {
    throw cursor.refuse(`has a list of type ${element} at ${showName(key)}`);
  }
  const least = kind === undefined ? 8 : 1;
  const count = await cursor.count(MOST_VALUES, least, `values of ${showName(key)}`);
  const values: (string | number | boolean)[] = [];
  for (let i = 0; i < count; i++) {
    values.push(
      kind === undefined
        ? await cursor.string(LONGEST_TEXT, `key ${showName(key)}`)
        : await cursor.single(kind),
    );
  }
  return values;
}

async function readTensorHead(cursor: GgufCursor): Promise<GgufTensorHead> {
  const name = await cursor.string(LONGEST_NAME, "a tensor's name");
  const rank = await cursor.u32();
  if (rank > 4) throw cursor.refuse(`gives tensor ${showName(name)} ${rank} axes`);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    shape.unshift(await cursor.u64(`an axis of ${showName(name)}`));
  }
  if (!Number.isSafeInteger(sizeOf(shape)) || shape.includes(0)) {
    throw cursor.refuse(
      `gives tensor ${showName(name)} the impossible shape [${shape.join(", ")}]`,
    );
  }
  const id = await cursor.u32();
  const offset = await cursor.u64(`the offset of ${showName(name)}`);
  const type = TYPE_OF_ID.get(id);
  if (type === undefined) {
    const other = OTHER_GGML_TYPES.get(id);
    const read = `${Object.keys(GGML_TYPES).join(", ")} are read`;
    if (other === undefined) {
      throw cursor.refuse(`stores tensor ${showName(name)} in type ${id} of ggml, and ${read}`);
    }
    throw new SalientError(
      "input",
      `${cursor.path} stores tensor ${
        showName(name)
      } in ${other} blocks, and ${read}: give a file in one of ` +
        `these, or the model it was made from`,
      { file: cursor.path },
    );
  }
  if ((shape.at(-1) ?? 1) % GGML_TYPES[type].values !== 0) {
    throw cursor.refuse(
      `has rows of ${shape.at(-1)} in ${showName(name)}, no whole blocks of ${type}`,
    );
  }
  return { name, shape, type, offset };
}

/** Offsets from the start of the file; nothing may lie outside of it, or over another. */
function place(
  cursor: GgufCursor,
  heads: readonly GgufTensorHead[],
  start: number,
): GgufHeader["tensors"] {
  const placed = heads.map((head) => ({
    ...head,
    offset: start + head.offset,
    byteLength: ggmlBytes(head.type, sizeOf(head.shape)),
  })).sort((a, b) => a.offset - b.offset);
  const tensors = new Map<string, (typeof placed)[number]>();
  let end = start;
  for (const tensor of placed) {
    const shown = showName(tensor.name);
    if (tensors.has(tensor.name)) throw cursor.refuse(`has the tensor ${shown} twice`);
    if (tensor.offset < end || tensor.offset % 8 !== 0) {
      throw cursor.refuse(`puts tensor ${shown} over another one`);
    }
    end = tensor.offset + tensor.byteLength;
    if (end > cursor.fileBytes) throw cursor.refuse(`ends before tensor ${shown} does`);
    tensors.set(tensor.name, tensor);
  }
  return tensors;
}
