/**
 * The file of a journal: records one after the other, each with a checksum.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { diskError } from "../checkpoint/disk_error.ts";
import { SalientError } from "../errors.ts";

/** What a journal begins with; the number is that of its form. */
export const JOURNAL_START = "salient journal 1\n";

/** Bytes before a record's header: its length as u32 and that of the payload as u64, both little endian. */
const FRAME = 12;
/** Bytes of the SHA-256 after each record. */
const DIGEST = 32;
/** Longest header: the reports of the linears of a block. */
const MAX_HEADER = 64 << 20;
/** Bytes that are read at a time. */
const PIECE = 1 << 20;

/** A record that is whole. */
export interface JournalFrame {
  /** Its header, a JSON text. */
  readonly header: string;
  /** Where the payload begins in the file. */
  readonly offset: number;
  /** Length of the payload. */
  readonly length: number;
  /** Where the record ends. */
  readonly end: number;
}

/**
 * A journal that is open and locked: another process, or another run of this one, cannot open it meanwhile. A record
 * counts if it is all there and its checksum is right; behind the first one that is not, nothing counts.
 */
export class JournalFile implements Disposable {
  /** Its path. */
  readonly path: string;
  /** The records that it held when it was opened. */
  readonly frames: readonly JournalFrame[];
  readonly #file: Deno.FsFile;
  #end: number;

  private constructor(path: string, file: Deno.FsFile, frames: readonly JournalFrame[]) {
    this.path = path;
    this.#file = file;
    this.frames = frames;
    this.#end = frames.at(-1)?.end ?? 0;
  }

  /**
   * Opens a journal, or makes one.
   *
   * @param mode `"read"` changes nothing.
   * @throws {SalientError} `input` where it is in use, of another version or no journal; `disk` where it cannot be opened.
   */
  static async open(path: string, mode: "read" | "write"): Promise<JournalFile> {
    const file = await openLocked(path, mode);
    try {
      return new JournalFile(path, file, await scan(path, file));
    } catch (cause) {
      file.close();
      throw diskError(path, cause);
    }
  }

  /** Drops whatever follows a record, or everything. */
  async cut(frame: JournalFrame | undefined): Promise<void> {
    await this.#try(async () => {
      this.#end = frame?.end ?? 0;
      await this.#file.truncate(this.#end);
      if (this.#end > 0) return;
      await writeAll(this.#file, new TextEncoder().encode(JOURNAL_START), 0);
      this.#end = JOURNAL_START.length;
    });
  }

  /** Appends a record. It is on the disk after the next {@linkcode JournalFile.sync}. */
  async append(
    header: string,
    payload: Iterable<Uint8Array> = [],
    length = 0,
  ): Promise<void> {
    const text = new TextEncoder().encode(header);
    const head = new Uint8Array(FRAME + text.length);
    const view = new DataView(head.buffer);
    view.setUint32(0, text.length, true);
    view.setBigUint64(4, BigInt(length), true);
    head.set(text, FRAME);
    await this.#try(async () => {
      const hash = createHash("sha256");
      let offset = this.#end;
      const put = async (bytes: Uint8Array): Promise<void> => {
        await writeAll(this.#file, bytes, offset);
        offset += bytes.length;
      };
      hash.update(head);
      await put(head);
      for (const bytes of payload) {
        hash.update(bytes);
        await put(bytes);
      }
      if (offset !== this.#end + head.length + length) {
        throw new SalientError("failed", "A record has another length than was said");
      }
      await put(hash.digest());
      this.#end = offset;
    });
  }

  /** Waits until all records are on the disk. */
  async sync(): Promise<void> {
    await this.#try(() => this.#file.sync());
  }

  /** The payload of a record. */
  async read({ offset, length }: JournalFrame): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    await this.#try(async () => {
      if (!(await readAll(this.#file, bytes, offset))) {
        throw new Error("it was cut short meanwhile");
      }
    });
    return bytes;
  }

  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw diskError(this.path, cause);
    }
  }

  /** Closes the file, which gives it free. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

async function openLocked(path: string, mode: "read" | "write"): Promise<Deno.FsFile> {
  try {
    const found = await Deno.lstat(path).catch(() => undefined);
    if (found !== undefined && !found.isFile) throw refuse(path, "is not a file");
    const options = mode === "read" ? { read: true } : { read: true, write: true, create: true };
    const file = await Deno.open(path, options);
    // Whoever has just finished removes the file under its lock.
    const isFree = await file.tryLock(true) &&
      await Deno.stat(path).then(async ({ ino }) => ino === (await file.stat()).ino, () => false);
    if (isFree) return file;
    file.close();
  } catch (cause) {
    throw diskError(path, cause);
  }
  throw new SalientError(
    "input",
    `${path} is in use: another run is at work on the same output, wait for it or stop it`,
    { file: path },
  );
}

async function scan(path: string, file: Deno.FsFile): Promise<JournalFrame[]> {
  const { size } = await file.stat();
  const start = new Uint8Array(Math.min(size, JOURNAL_START.length));
  await readAll(file, start, 0);
  const begun = new TextDecoder().decode(start);
  if (!JOURNAL_START.startsWith(begun)) {
    const isOurs = begun.startsWith("salient journal ");
    throw refuse(path, isOurs ? "is of another version of Salient" : "is no journal of Salient");
  }
  const frames: JournalFrame[] = [];
  let offset = JOURNAL_START.length;
  for (;;) {
    const frame = await readFrame(file, offset, size);
    if (frame === undefined) return frames;
    frames.push(frame);
    offset = frame.end;
  }
}

/** The record at an offset; undefined where there is none that is whole. */
async function readFrame(
  file: Deno.FsFile,
  start: number,
  size: number,
): Promise<JournalFrame | undefined> {
  const head = new Uint8Array(FRAME);
  if (start + FRAME + DIGEST > size || !(await readAll(file, head, start))) return undefined;
  const view = new DataView(head.buffer);
  const headerLength = view.getUint32(0, true);
  const length = Number(view.getBigUint64(4, true));
  const offset = start + FRAME + headerLength;
  const end = offset + length + DIGEST;
  if (headerLength > MAX_HEADER || !(end <= size)) return undefined;
  const hash = createHash("sha256").update(head);
  const header = new Uint8Array(headerLength);
  if (!(await readAll(file, header, start + FRAME))) return undefined;
  hash.update(header);
  const piece = new Uint8Array(Math.min(length, PIECE));
  for (let done = 0; done < length; done += PIECE) {
    const part = piece.subarray(0, Math.min(PIECE, length - done));
    if (!(await readAll(file, part, offset + done))) return undefined;
    hash.update(part);
  }
  const digest = new Uint8Array(DIGEST);
  if (!(await readAll(file, digest, offset + length))) return undefined;
  if (!hash.digest().equals(digest)) return undefined;
  return { header: new TextDecoder().decode(header), offset, length, end };
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array, offset: number): Promise<void> {
  await file.seek(offset, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}

/** Fills `bytes`; false where the file ends before. */
async function readAll(file: Deno.FsFile, bytes: Uint8Array, offset: number): Promise<boolean> {
  await file.seek(offset, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) return false;
    done += count;
  }
  return true;
}

function refuse(path: string, what: string): SalientError {
  return new SalientError("input", `${path} ${what}: remove its folder to start over`, {
    file: path,
  });
}
