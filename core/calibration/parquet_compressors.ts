/**
 * Decompression of parquet pages that stays within what a page claims.
 *
 * @module
 */

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Compressors } from "hyparquet";
import { compressors } from "hyparquet-compressors";

/** Bytes that one packed byte can become at most, for codecs whose decompressor takes all that is claimed at once. */
const MOST_EXPANSION: Readonly<Record<string, number>> = { SNAPPY: 32, LZ4: 256, LZ4_RAW: 256 };

type Decompress = (input: Uint8Array, outputLength: number) => Uint8Array;

/**
 * Decompressors by codec. A page that claims more than `mostBytes`, or holds more than it claims, is refused before
 * that much memory is taken: a few kilobytes of zeros can stand for gigabytes.
 */
export function pageCompressors(mostBytes: number): Compressors {
  // Those of zlib know where to stop; the library's write into an array of the length that is claimed.
  const all: Record<string, Decompress | undefined> = {
    ...compressors,
    GZIP: (input, length) => gunzipSync(input, { maxOutputLength: length }),
    BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: length }),
    ZSTD: (input, length) => zstdDecompressSync(input, { maxOutputLength: length }),
  };
  const guarded = Object.entries(all).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number): Uint8Array => {
      if (decompress === undefined) throw new Error(`codec ${codec} is not known`);
      const most = Math.min(mostBytes, (MOST_EXPANSION[codec] ?? Infinity) * (input.length + 8));
      if (!(length >= 0 && length <= most)) {
        throw new Error(`a page of ${input.length} bytes claims to hold ${length}`);
      }
      return length === 0 ? new Uint8Array() : decompress(input, length);
    },
  ]);
  return Object.fromEntries(guarded) as Compressors;
}
