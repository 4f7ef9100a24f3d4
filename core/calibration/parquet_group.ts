/**
 * The check of a parquet row group before it is read.
 *
 * @module
 */

import { type AsyncBuffer, type FileMetaData, parquetSchema } from "hyparquet";
import { countPages } from "./parquet_pages.ts";

/** Largest column of one row group, unpacked; a row group is read as one piece. */
export const MOST_GROUP_BYTES = 2 ** 30;
/** Most rows of one row group; writers have a million at most. */
const MOST_ROWS = 2 ** 22;
/** Values that a column may have whatever its bytes: nulls take none. */
const MOST_NULLS = 2 ** 20;
/** Values to a byte of more than that. */
const MOST_VALUES_OF_BYTE = 16;

type RowGroup = FileMetaData["row_groups"][number];
type ColumnMetaData = NonNullable<RowGroup["columns"][number]["meta_data"]>;

/** What {@linkcode checkParquetGroup} looks at. */
export interface ParquetGroup {
  /** The file. */
  readonly file: AsyncBuffer;
  /** Its metadata. */
  readonly metadata: FileMetaData;
  /** One of its row groups. */
  readonly group: RowGroup;
  /** The column that will be read. */
  readonly column: string;
}

/**
 * Makes sure that a row group is what it says and that reading it takes no more memory than {@linkcode MOST_GROUP_BYTES} and
 * its values: a library takes the counts of a file as they are.
 *
 * @throws {Error} Saying what is wrong.
 */
export async function checkParquetGroup(options: ParquetGroup): Promise<void> {
  const { file, metadata, group, column } = options;
  const rows = Number(group.num_rows);
  if (!(rows >= 0 && rows <= MOST_ROWS)) {
    throw new Error(`a row group has ${rows} rows, and at most ${MOST_ROWS} are read at once`);
  }
  const chunks = group.columns.flatMap(({ meta_data }) =>
    meta_data?.path_in_schema[0] === column ? [meta_data] : []
  );
  // The library begins with all of them before it finds out, and forgets those that it has begun.
  const paths = new Set(chunks.map(({ path_in_schema }) => JSON.stringify(path_in_schema)));
  if (
    paths.size < chunks.length ||
    !chunks.every(({ path_in_schema }) => isLeaf(metadata, path_in_schema))
  ) throw new Error("a row group has columns that are not in the schema, or are there twice");
  const bytes = chunks.reduce((sum, chunk) => sum + Number(chunk.total_uncompressed_size), 0);
  checkBytes(bytes);
  let unpacked = 0;
  for (const chunk of chunks) {
    const values = Number(chunk.num_values);
    // Every row has a value, or the note that there is none.
    if (values < rows) throw new Error(`a column has ${values} values for ${rows} rows`);
    unpacked += await checkPages(file, chunk, values);
    checkBytes(unpacked);
  }
}

/** Looks at every page; how many bytes they are when unpacked. */
async function checkPages(
  file: AsyncBuffer,
  chunk: ColumnMetaData,
  values: number,
): Promise<number> {
  const { data_page_offset: data, dictionary_page_offset: dictionary } = chunk;
  const start = Number(dictionary && dictionary < data ? dictionary : data);
  const length = Number(chunk.total_compressed_size);
  const packed = new Uint8Array(await file.slice(start, start + length));
  const found = countPages(packed, values);
  const most = Math.max(MOST_NULLS, MOST_VALUES_OF_BYTE * found.unpackedBytes);
  if (values > most || found.values > 2 * most) {
    throw new Error(`a column has ${found.values} values in ${found.unpackedBytes} bytes`);
  }
  return found.unpackedBytes;
}

function checkBytes(bytes: number): void {
  if (bytes >= 0 && bytes <= MOST_GROUP_BYTES) return;
  throw new Error(
    `a row group has a column of ${bytes} bytes, and at most ${MOST_GROUP_BYTES} are read at ` +
      `once (smaller row groups help)`,
  );
}

function isLeaf(metadata: FileMetaData, path: readonly string[]): boolean {
  let node = parquetSchema(metadata);
  for (const part of path) {
    const child = node.children.find(({ element }) => element.name === part);
    if (child === undefined) return false;
    node = child;
  }
  return node.children.length === 0;
}
