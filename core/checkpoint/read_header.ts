/**
 * Reads the header of a safetensors file, and nothing else of it.
 *
 * @module
 */

import { SalientError } from "../errors.ts";
import { openRegularFile } from "./open_regular_file.ts";
import { readFully } from "./read_json.ts";
import { LENGTH_BYTES, parseHeader, type SafetensorsHeader } from "./safetensors_header.ts";

/** Longest header that the format allows, in bytes. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads and checks the header of the file `name` in `directory`: its first 8 bytes and the JSON after
 * them, whose length is checked before anything is allocated.
 *
 * @returns The header, and the length of the whole file that it was checked against.
 * @throws {SalientError} `input`, naming the file and, where one is at fault, the tensor.
 */
export async function readHeader(
  directory: string,
  name: string,
): Promise<SafetensorsHeader & { readonly fileBytes: number }> {
  const path = `${directory}/${name}`;
  using file = await openRegularFile(path, directory);
  const fileBytes = file.byteLength;
  if (fileBytes < LENGTH_BYTES) {
    throw refuse(path, `has only ${fileBytes} bytes: it is empty or cut short, fetch it again`);
  }
  const first = new Uint8Array(LENGTH_BYTES);
  await readFully(file.handle, first, path);
  const claimed = new DataView(first.buffer).getBigUint64(0, true);
  if (claimed > BigInt(MAX_HEADER_BYTES)) {
    throw refuse(
      path,
      `claims a header of ${claimed} bytes, above the format's ${MAX_HEADER_BYTES}: it is not a safetensors file`,
    );
  }
  const length = Number(claimed);
  if (length < 2) {
    throw refuse(path, `has a header of ${length} bytes: it is not a safetensors file`);
  }
  const missing = LENGTH_BYTES + length - fileBytes;
  if (missing > 0) {
    throw refuse(path, `is truncated: ${missing} bytes of its header are missing, fetch it again`);
  }
  const header = new Uint8Array(length);
  await readFully(file.handle, header, path);
  return { ...parseHeader(header, { path, name, fileBytes }), fileBytes };
}

function refuse(path: string, text: string): SalientError {
  return new SalientError("input", `${path} ${text}`, { file: path });
}
