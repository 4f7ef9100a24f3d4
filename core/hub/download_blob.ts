/**
 * Downloads of one content.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { SalientError } from "../errors.ts";
import { cacheError } from "./cache_error.ts";
import type { HubClient } from "./hub_client.ts";
import { networkReason } from "./network_reason.ts";
import type { RemoteFile } from "./remote_file.ts";

/** What is downloaded, and to where. */
export interface DownloadBlobOptions {
  /** Sends the requests. */
  readonly client: HubClient;
  /** The file's address on the hub. */
  readonly url: URL;
  /** Its size and hash. */
  readonly file: RemoteFile;
  /** Where it gathers; what is there already is kept and continued. */
  readonly incomplete: string;
  /** Where it goes once it is whole. */
  readonly blob: string;
  /** Told how many bytes have come, what was there already included; negative where bytes were thrown away. */
  readonly onBytes: (bytes: number) => void;
  /** Opens the file that gathers. Default: on the disk. */
  readonly openFile?: ((path: string) => Promise<PartialFile>) | undefined;
}

/** What a file that gathers must be able to do. */
export type PartialFile = Pick<
  Deno.FsFile,
  "read" | "write" | "seek" | "truncate" | "sync" | "stat" | "close"
>;

/**
 * Fetches a content whose lock the caller holds. A connection that drops is taken up where it was cut; a content whose
 * hash is wrong is fetched once more from its start.
 *
 * @throws {SalientError} `input` where the hub refuses, the connection drops again and again without a byte between,
 * the disk is full, or the content is wrong twice.
 */
export async function downloadBlob(options: DownloadBlobOptions): Promise<void> {
  const { client, file, incomplete } = options;
  for (let round = 1;; round++) {
    using partial = await Partial.open(options);
    await fill(partial, options);
    if (partial.isRight()) return await partial.finish(options.blob);
    await partial.restart();
    await Deno.remove(incomplete).catch(() => {});
    if (round === 2) {
      throw new SalientError(
        "input",
        `${file.path} of ${client.id} came twice with a wrong checksum (${file.hash} ${
          file.etag.slice(0, 12)
        }... was ` +
          `expected): nothing was kept, try again later or another HF_ENDPOINT`,
        { file: file.path },
      );
    }
    client.notice(`${file.path} came with a wrong checksum: fetching it again`);
  }
}

/** A content that gathers: the file, its length and the hash of it. */
class Partial implements Disposable {
  readonly #options: DownloadBlobOptions;
  readonly #raw: PartialFile;
  #hash: Hash;
  #closed = false;
  /** Bytes so far. */
  length = 0;

  private constructor(options: DownloadBlobOptions, raw: PartialFile) {
    this.#options = options;
    this.#raw = raw;
    this.#hash = newHash(options.file);
  }

  /** Opens it and takes the hash of what is there. */
  static async open(options: DownloadBlobOptions): Promise<Partial> {
    try {
      const raw = await (options.openFile ?? openPartial)(options.incomplete);
      const partial = new Partial(options, raw);
      try {
        await partial.#readBack();
      } catch (cause) {
        raw.close();
        throw cause;
      }
      return partial;
    } catch (cause) {
      options.client.signal?.throwIfAborted();
      throw cacheError(options.incomplete, cause);
    }
  }

  async #readBack(): Promise<void> {
    if ((await this.#raw.stat()).size > this.#options.file.size) await this.#raw.truncate(0);
    const buffer = new Uint8Array(2 ** 20);
    for (let count; (count = await this.#raw.read(buffer)) !== null;) {
      this.#options.client.signal?.throwIfAborted();
      this.#hash.update(buffer.subarray(0, count));
      this.length += count;
      this.#options.onBytes(count);
    }
  }

  /** Adds bytes at its end. */
  async add(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += await this.#raw.write(bytes.subarray(done));
      }
    } catch (cause) {
      throw cacheError(this.#options.incomplete, cause, this.length);
    }
    this.#hash.update(bytes);
    this.length += bytes.length;
    this.#options.onBytes(bytes.length);
  }

  /** Throws away what is there. */
  async restart(): Promise<void> {
    try {
      await this.#raw.truncate(0);
      await this.#raw.seek(0, Deno.SeekMode.Start);
    } catch (cause) {
      throw cacheError(this.#options.incomplete, cause);
    }
    this.#options.onBytes(-this.length);
    this.#hash = newHash(this.#options.file);
    this.length = 0;
  }

  /** Whether the hash is that of the content. */
  isRight(): boolean {
    return this.#hash.copy().digest("hex") === this.#options.file.etag;
  }

  /** Gives it its name. */
  async finish(path: string): Promise<void> {
    try {
      await this.#raw.sync();
      this[Symbol.dispose]();
      await Deno.rename(this.#options.incomplete, path);
    } catch (cause) {
      throw cacheError(path, cause, this.length);
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#raw.close();
  }
}

function openPartial(path: string): Promise<PartialFile> {
  return Deno.open(path, { read: true, write: true, create: true });
}

/** Git hashes a content with its length before it. */
function newHash({ hash, size }: RemoteFile): Hash {
  return hash === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

/** Fetches what is missing, over as many connections as it takes. */
async function fill(partial: Partial, options: DownloadBlobOptions): Promise<void> {
  const { client, file } = options;
  for (let drops = 0; partial.length < file.size;) {
    const before = partial.length;
    let reason = "the server ended it";
    try {
      await receive(partial, options);
    } catch (cause) {
      client.signal?.throwIfAborted();
      if (cause instanceof SalientError) throw cause;
      reason = networkReason(cause);
    }
    if (partial.length === file.size) return;
    drops = partial.length > before ? 1 : drops + 1;
    if (drops >= client.attempts) {
      throw new SalientError(
        "input",
        `The connection for ${file.path} of ${client.id} was cut at ${partial.length} of ${file.size} bytes, ` +
          `${drops} times (${reason}): run again, it goes on from there`,
        { file: file.path },
      );
    }
    await client.pause(drops);
  }
}

/** Takes what one connection gives. */
async function receive(
  partial: Partial,
  { client, url, file }: DownloadBlobOptions,
): Promise<void> {
  const stalled = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  function expectBytes(): void {
    clearTimeout(timer);
    timer = setTimeout(
      () => stalled.abort(new DOMException("stalled", "TimeoutError")),
      1000 * client.patience,
    );
  }
  // The bytes as they are stored: a length and an offset of compressed ones would be of no use.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (partial.length > 0) headers.range = `bytes=${partial.length}-`;
  const response = await client.fetch(url, { headers, signal: stalled.signal });
  try {
    const start = startOf(response);
    if (start !== partial.length) {
      // A server that does not know ranges sends it all; one that has another idea of the file is asked anew.
      await partial.restart();
      if (start !== 0) return;
    }
    expectBytes();
    for await (const bytes of response.body ?? []) {
      client.signal?.throwIfAborted();
      if (partial.length + bytes.length > file.size) return await partial.restart();
      await partial.add(bytes);
      expectBytes();
    }
  } finally {
    clearTimeout(timer);
    await response.body?.cancel().catch(() => {});
  }
}

/** Offset of the first byte that an answer brings; undefined where it brings none of the file's. */
function startOf(response: Response): number | undefined {
  if (response.status === 200) return 0;
  const range = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  return response.status === 206 && range !== null ? Number(range[1]) : undefined;
}
