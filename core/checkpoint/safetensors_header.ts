/**
 * The header of a safetensors file: 8 bytes with its length (little endian), then JSON that says where
 * each tensor lies, then the data.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { type DType, DTYPE_BYTES } from "../tensor.ts";
import { byteLengthOf } from "./byte_length.ts";
import { parseJson } from "./parse_json.ts";
import { isJsonObject } from "./read_json.ts";
import { showName } from "./show_name.ts";
import type { Json, JsonObject, TensorEntry } from "./types.ts";

/** Axes that a backend's tensor can have, and the longest one. */
const MOST_AXES = 8;
const LONGEST_AXIS = 2 ** 32 - 1;

/** Bytes before the header, which hold its length. */
export const LENGTH_BYTES = 8;

/** A file's header, checked. */
export interface SafetensorsHeader {
  /** Tensors in the order of their bytes; `file` is the name given. */
  readonly entries: readonly TensorEntry[];
  /** `__metadata__`, empty where there is none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where a header was found. */
export interface HeaderPlace {
  /** Path, for errors. */
  readonly path: string;
  /** File name, for the entries. */
  readonly name: string;
  /** Length of the whole file in bytes. */
  readonly fileBytes: number;
}

/**
 * Reads and checks a whole header: types, shapes, and that the tensors tile the data exactly.
 *
 * @param bytes The header, without the 8 bytes before it.
 * @throws {SalientError} `input`, naming the file and the tensor.
 */
export function parseHeader(bytes: Uint8Array, place: HeaderPlace): SafetensorsHeader {
  if (bytes[0] !== 0x7b) {
    throw refuseFile(
      place,
      "has a header that does not start with {: it is not a safetensors file",
    );
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuseFile(place, "has a header that is not UTF-8 text: it is damaged, fetch it again");
  }
  // A valid header nests 3 deep: the header, an entry, its shape.
  const header = parseJson(text, {
    file: place.path,
    label: `The header of ${place.path}`,
    depth: 8,
  }) as JsonObject;

  const dataStart = LENGTH_BYTES + bytes.length;
  const entries: TensorEntry[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = readMetadata(value, place);
    else entries.push(readEntry(name, value, dataStart, place));
  }
  // By first byte; an empty tensor comes before the one that starts at the same byte.
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  checkTiling(entries, dataStart, place);
  return { entries, metadata };
}

function readMetadata(
  value: Json | undefined,
  place: HeaderPlace,
): Readonly<Record<string, string>> {
  if (!isJsonObject(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw refuseFile(place, "has a __metadata__ that is not a map of strings: fetch it again");
  }
  return value as Readonly<Record<string, string>>;
}

function readEntry(
  name: string,
  value: Json | undefined,
  dataStart: number,
  place: HeaderPlace,
): TensorEntry {
  if (name === "") throw refuseFile(place, "has a tensor without a name: fetch it again");
  if (!isJsonObject(value)) throw refuseTensor(place, name, "has an entry that is not an object");
  const dtype = readDType(value, name, place);
  const shape = readShape(value, name, place);
  const byteLength = byteLengthOf(dtype, shape);
  if (byteLength === undefined || shape.some((length) => length > LONGEST_AXIS)) {
    throw refuseTensor(place, name, `has a shape too large to count, [${shape.join(", ")}]`);
  }
  const [begin, end] = readOffsets(value, name, place);
  if (end - begin !== byteLength) {
    const type = `${dtype} [${shape.join(", ")}]`;
    throw refuseTensor(
      place,
      name,
      `takes ${end - begin} bytes, but ${type} needs ${byteLength}`,
    );
  }
  return { name, dtype, shape, file: place.name, offset: dataStart + begin, byteLength };
}

function readDType(entry: JsonObject, name: string, place: HeaderPlace): DType {
  const dtype = entry["dtype"];
  if (typeof dtype !== "string") throw refuseTensor(place, name, "has no dtype");
  if (!Object.hasOwn(DTYPE_BYTES, dtype)) {
    const advice = `convert it to one of ${Object.keys(DTYPE_BYTES).join(", ")}`;
    throw refuseTensor(place, name, `has the unknown type ${showName(dtype)}`, advice);
  }
  return dtype as DType;
}

function readShape(entry: JsonObject, name: string, place: HeaderPlace): number[] {
  const shape = entry["shape"];
  if (!Array.isArray(shape)) throw refuseTensor(place, name, "has no shape");
  if (shape.length > MOST_AXES) {
    throw refuseTensor(place, name, `has ${shape.length} axes, and at most ${MOST_AXES} are read`);
  }
  for (const length of shape) {
    if (!Number.isSafeInteger(length) || length < 0) {
      const text = "has a shape that is not made of whole numbers from 0 up";
      throw refuseTensor(place, name, text);
    }
  }
  // JSON can say -0; adding 0 makes it 0.
  return shape.map((length: number) => length + 0);
}

function readOffsets(
  entry: JsonObject,
  name: string,
  place: HeaderPlace,
): readonly [number, number] {
  const offsets = entry["data_offsets"];
  if (!Array.isArray(offsets) || offsets.length !== 2) {
    throw refuseTensor(place, name, "has no data_offsets of two numbers");
  }
  const [begin, end] = offsets as readonly Json[];
  if (!isOffset(begin) || !isOffset(end)) {
    throw refuseTensor(place, name, "has data_offsets that are not whole numbers from 0 up");
  }
  if (begin > end) {
    throw refuseTensor(place, name, `ends at byte ${end}, before it begins at ${begin}`);
  }
  return [begin, end];
}

/** Small enough that adding the length of a header keeps it exact. */
function isOffset(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 2 ** 52;
}

function checkTiling(
  entries: readonly TensorEntry[],
  dataStart: number,
  place: HeaderPlace,
): void {
  let covered = dataStart;
  for (const entry of entries) {
    if (entry.offset < covered) {
      throw refuseTensor(place, entry.name, "shares bytes with the tensor before it");
    }
    if (entry.offset > covered) {
      const gap = entry.offset - covered;
      throw refuseTensor(place, entry.name, `has a gap of ${gap} bytes before it`);
    }
    covered += entry.byteLength;
  }
  const missing = covered - place.fileBytes;
  if (missing > 0) {
    throw refuseFile(
      place,
      `is truncated: ${missing} of its ${covered} bytes are missing, fetch it again`,
    );
  }
  if (missing < 0) {
    throw refuseFile(
      place,
      `has ${-missing} bytes after its last tensor: it is damaged, fetch it again`,
    );
  }
}

function refuseFile(place: HeaderPlace, text: string): SalientError {
  return new SalientError("input", `${place.path} ${text}`, { file: place.path });
}

function refuseTensor(
  place: HeaderPlace,
  tensor: string,
  text: string,
  advice = "the file is damaged, fetch it again",
): SalientError {
  return new SalientError(
    "input",
    `Tensor ${showName(tensor)} of ${place.path} ${text}: ${advice}`,
    { file: place.path, tensor },
  );
}
