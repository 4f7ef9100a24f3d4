/**
 * What goes between the watching process and the one that reads.
 *
 * @module
 */

import type { Files } from "./fuzz_reader.ts";

/** What a child is to do. */
export interface FuzzJob {
  /** Names of readers. */
  readonly readers: readonly string[];
  /** Seconds for each. */
  readonly seconds: number;
  /** Decides every case, together with the reader's name and the case's number. */
  readonly seed: number;
  /** An empty folder for its files. */
  readonly work: string;
}

/** A case that went wrong, as it is saved. */
export interface FoundFault {
  /** The reader. */
  readonly reader: string;
  /** The seed of the run. */
  readonly seed: number;
  /** The number of the case in it; below 0 for files of the corpus as they are. */
  readonly case: number;
  /** What went wrong. */
  readonly text: string;
  /** The files in base64. */
  readonly files: Readonly<Record<string, string>>;
}

/** How a reader was fuzzed. */
export interface ReaderReport {
  /** The reader. */
  readonly reader: string;
  /** Cases run. */
  readonly cases: number;
  /** Cases that were read to the end. */
  readonly accepted: number;
  /** Cases that were refused in one line. */
  readonly refused: number;
  /** Cases with a fault. */
  readonly fault: number;
  /** Growth of the resident set over the second half, in bytes. */
  readonly growth: number;
}

/** Files as JSON can hold them. */
export function packFiles(files: Files): Record<string, string> {
  return Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.toBase64()]));
}

/** The inverse. */
export function unpackFiles(packed: FoundFault["files"]): Files {
  return new Map(Object.entries(packed).map(([name, text]) => [name, Uint8Array.fromBase64(text)]));
}
