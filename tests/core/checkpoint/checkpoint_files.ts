/**
 * Directories, safetensors bytes and a backend for the checkpoint room's tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Backend, MappedFile } from "../../../core/backend.ts";
import { type ErrorCode, SalientError } from "../../../core/errors.ts";
import { type DType, DTYPE_BYTES, sizeOf, type Tensor } from "../../../core/tensor.ts";

/** A temporary directory that is removed with `await using`. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "salient-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The bytes of a safetensors file with this header text and `data` bytes of data (0, 1, 2, ...). */
export function safetensors(header: unknown, data: number | Uint8Array = 0): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const body = typeof data === "number" ? Uint8Array.from({ length: data }, (_, i) => i) : data;
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

/** An entry of a header. */
export function entry(
  dtype: string,
  shape: readonly number[],
  begin: number,
  end: number,
): { dtype: string; shape: readonly number[]; data_offsets: [number, number] } {
  return { dtype, shape, data_offsets: [begin, end] };
}

/** Writes files into a directory; objects as JSON. */
export async function writeFiles(
  directory: string,
  files: Readonly<Record<string, Uint8Array | string | object>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = `${directory}/${name}`;
    if (content instanceof Uint8Array) await Deno.writeFile(path, content);
    else {
      const text = typeof content === "string" ? content : JSON.stringify(content);
      await Deno.writeTextFile(path, text);
    }
  }
}

/** A tensor of {@linkcode fileBackend}. */
export interface BytesTensor extends Tensor {
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/** A backend that only maps files, and refuses views that leave them. Counts what is open. */
export function fileBackend(): Pick<Backend, "mapFile"> & { open: number; released: string[] } {
  const backend = {
    open: 0,
    released: [] as string[],
    mapFile(path: string): MappedFile {
      const content = Deno.readFileSync(path);
      backend.open++;
      return {
        path,
        byteLength: content.length,
        tensor(offset: number, dtype: DType, shape: readonly number[]): BytesTensor {
          const byteLength = sizeOf(shape) * DTYPE_BYTES[dtype];
          assert.ok(Number.isSafeInteger(offset) && offset >= 0, `offset ${offset}`);
          assert.ok(offset + byteLength <= content.length, "the view leaves the file");
          return {
            dtype,
            shape,
            size: sizeOf(shape),
            byteLength,
            bytes: content.subarray(offset, offset + byteLength),
            [Symbol.dispose]() {},
          };
        },
        release: (offset, length) => void backend.released.push(`${offset}+${length}`),
        [Symbol.dispose]() {
          backend.open--;
        },
      };
    },
  };
  return backend;
}

/** Asserts that `work` fails with a one-line SalientError whose message matches, and returns it. */
export async function refused(
  work: () => unknown,
  message: RegExp,
  code: ErrorCode = "input",
): Promise<SalientError> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof SalientError, `not a SalientError: ${error}`);
    assert.match(error.message, message);
    assert.equal(error.code, code);
    assert.match(error.message, /^[^\p{Cc}]*[^.\p{Cc}]$/u, "one line without a final period");
    return error;
  }
  return assert.fail(`nothing was thrown, expected ${message}`);
}

/** Names in a directory, sorted. */
export function list(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map((entry) => entry.name).sort();
}
