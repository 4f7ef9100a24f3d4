/**
 * A column of a parquet file as a source.
 *
 * @module
 */

import { type AsyncBuffer, parquetReadObjects, parquetSchema } from "hyparquet";
import { openRegularFile, type RegularFile } from "../checkpoint/open_regular_file.ts";
import { readFully } from "../checkpoint/read_json.ts";
import { showName } from "../checkpoint/show_name.ts";
import { SalientError } from "../errors.ts";
import { showValue } from "../show_value.ts";
import { refuseDirectory } from "../text_file.ts";
import { checkMessages } from "./chat_messages.ts";
import type { SourceDocument, TextSource } from "./document.ts";
import { pageCompressors } from "./parquet_compressors.ts";
import { readParquetFooter } from "./parquet_footer.ts";
import { checkParquetGroup, MOST_GROUP_BYTES } from "./parquet_group.ts";

/**
 * A column of a parquet file: text, or a list of `{ role, content }`. Only the column's own bytes are
 * read, one row group after the other. Rows without a value are passed over.
 *
 * @param path The file.
 * @param column Name of the column. Default `text`, else `messages`.
 */
export function parquetSource(path: string, column?: string): TextSource {
  return {
    name: column === undefined ? path : `${path}#${column}`,
    async *documents(): AsyncGenerator<SourceDocument> {
      await refuseDirectory(path, "a parquet file");
      using opened = await openRegularFile(path);
      await using file = new Ranges(opened, path);
      const metadata = await guard(path, () => readParquetFooter(file));
      const schema = await guard(path, () => parquetSchema(metadata));
      const names = schema.children.map(({ element }) => element.name);
      const name = chooseColumn(names, path, column);
      let rowStart = 0;
      for (const group of metadata.row_groups) {
        const rowEnd = rowStart + Number(group.num_rows);
        const rows = await guard(path, async () => {
          await checkParquetGroup({ file, metadata, group, column: name });
          return await parquetReadObjects({
            file,
            metadata,
            compressors: pageCompressors(MOST_GROUP_BYTES),
            columns: [name],
            rowStart,
            rowEnd,
          });
        });
        for (let i = 0; i < rows.length; i++) {
          const value: unknown = rows[i]?.[name];
          if (value === null || value === undefined) continue;
          yield toDocument(value, `${path}, row ${rowStart + i + 1}`, path, name);
        }
        rowStart = rowEnd;
      }
    },
  };
}

function toDocument(value: unknown, place: string, file: string, column: string): SourceDocument {
  if (typeof value === "string") return { kind: "text", text: value };
  if (Array.isArray(value)) {
    return { kind: "chat", messages: checkMessages(value, place, file), place };
  }
  throw new SalientError(
    "input",
    `${place}: the column ${showName(column)} holds neither text nor messages; ` +
      `choose another with FILE#COLUMN`,
    { file },
  );
}

/** The file by ranges, each checked against its length. */
class Ranges implements AsyncBuffer, AsyncDisposable {
  readonly byteLength: number;
  readonly #file: RegularFile;
  readonly #path: string;
  /** The library asks for ranges side by side, but a file has one place at a time. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(file: RegularFile, path: string) {
    this.#file = file;
    this.#path = path;
    this.byteLength = file.byteLength;
  }

  slice(start: number, end: number = this.byteLength): Promise<ArrayBuffer> {
    const range = this.#tail.then(() => this.#read(start, end));
    // The library drops the others when one fails; nobody would hear of them.
    this.#tail = range.catch(() => {});
    return range;
  }

  async #read(start: number, end: number): Promise<ArrayBuffer> {
    const from = start < 0 ? this.byteLength + start : start;
    if (!(from >= 0 && from <= end && end <= this.byteLength)) {
      throw new RangeError(`it points at bytes ${from} to ${end} of ${this.byteLength}`);
    }
    const bytes = new Uint8Array(end - from);
    await this.#file.handle.seek(from, Deno.SeekMode.Start);
    await readFully(this.#file.handle, bytes, this.#path);
    return bytes.buffer;
  }

  /** Waits for what is being read, so that the file can be closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
  }
}

function chooseColumn(names: readonly string[], path: string, column: string | undefined): string {
  const wanted = column === undefined ? ["text", "messages"] : [column];
  const chosen = wanted.find((name) => names.includes(name));
  if (chosen !== undefined) return chosen;
  throw new SalientError(
    "input",
    `${path} has no column ${wanted.map(showName).join(" or ")}: choose one of ` +
      `${names.slice(0, 20).map(showValue).join(", ")} with FILE#COLUMN`,
    { file: path },
  );
}

async function guard<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof SalientError) throw cause;
    const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ")
      .slice(0, 200);
    throw new SalientError(
      "input",
      `${path} cannot be read as parquet: ${showName(reason)}; fetch it again`,
      { file: path, cause },
    );
  }
}
