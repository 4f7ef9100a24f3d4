/**
 * Looks at the pages of a parquet column before a library unpacks them.
 *
 * @module
 */

import { CompactReader } from "./compact_reader.ts";

/** What the headers of a column's pages say in all. */
export interface PageTotals {
  /** Values of the data pages, nulls included, and of the dictionary. */
  readonly values: number;
  /** Bytes when unpacked. */
  readonly unpackedBytes: number;
}

/** Fields of a page's header in parquet.thrift; that of the values is the same in the headers inside it. */
const UNPACKED = "2";
const PACKED = "3";
const DATA_VALUES = "5.1";
const DICTIONARY_VALUES = "7.1";
const DATA_V2_VALUES = "8.1";

/**
 * Reads the headers of the pages that lie one after the other in the bytes of a column chunk.
 *
 * @param values Values of the chunk; pages after them are not looked at, as they are not read.
 * @throws {RangeError} Where a header is broken or a page does not lie inside the chunk.
 */
export function countPages(chunk: Uint8Array, values: number): PageTotals {
  const reader = new CompactReader(chunk);
  const totals = { values: 0, unpackedBytes: 0 };
  let read = 0;
  while (reader.left > 0 && read < values) {
    const header = reader.structure();
    const [packed, unpacked] = [header.get(PACKED) ?? -1, header.get(UNPACKED) ?? -1];
    const data = header.get(DATA_VALUES) ?? header.get(DATA_V2_VALUES) ?? 0;
    const dictionary = header.get(DICTIONARY_VALUES) ?? 0;
    if (Math.min(packed, unpacked, data, dictionary) < 0) {
      throw new RangeError("a page has no size, or one below 0");
    }
    totals.values += data + dictionary;
    totals.unpackedBytes += unpacked;
    read += data;
    reader.skip(packed);
  }
  return totals;
}
