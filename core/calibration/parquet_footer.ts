/**
 * Metadata of parquet files.
 *
 * @module
 */

import { type AsyncBuffer, type FileMetaData, parquetMetadata } from "hyparquet";
import { CompactReader } from "./compact_reader.ts";

const MAGIC = 0x31524150;
/** Bytes after the metadata: their length, and the magic number. */
const END_BYTES = 8;
/** Most metadata; files of ten thousand row groups have less. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * Reads the metadata at the end of a file. Every length in them is checked before a library, which goes by them, parses
 * them.
 *
 * @throws {Error} Saying what is wrong.
 */
export async function readParquetFooter(file: AsyncBuffer): Promise<FileMetaData> {
  if (file.byteLength < END_BYTES) throw new RangeError("it is cut short");
  const end = new DataView(await file.slice(file.byteLength - END_BYTES, file.byteLength));
  if (end.getUint32(4, true) !== MAGIC) throw new RangeError("it does not end with PAR1");
  const length = end.getUint32(0, true);
  if (length > Math.min(MOST_BYTES, file.byteLength - END_BYTES)) {
    throw new RangeError(`it claims ${length} bytes of metadata`);
  }
  const footer = await file.slice(file.byteLength - END_BYTES - length, file.byteLength);
  new CompactReader(new Uint8Array(footer, 0, length)).structure();
  // Columns of maps are nothing to calibrate on, and what looks for them can be made to look for ever.
  return parquetMetadata(footer, { geoparquet: false });
}
