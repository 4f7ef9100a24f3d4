/**
 * Mapped files.
 *
 * @module
 */

import type { Backend } from "../../../core/backend.ts";
import assert from "node:assert/strict";
import type { RegisterCase } from "../backend_suite.ts";
import { assertClose } from "./compare.ts";

/** Registers the cases. */
export function fileCases(register: RegisterCase): void {
  register("a mapped file gives views of its bytes", ({ tested }) => {
    withFile(Uint8Array.from({ length: 64 }, (_, i) => i), (path) => {
      using file = tested.mapFile(path);
      assert.deepEqual([file.path, file.byteLength], [path, 64]);
      using bytes = file.tensor(5, "U8", [3, 2]);
      assert.deepEqual([...tested.downloadBytes(bytes)], [5, 6, 7, 8, 9, 10]);
      using last = tested.rows(bytes, 2, 1);
      assert.deepEqual([...tested.downloadBytes(last)], [9, 10]);
      using words = file.tensor(8, "I32", [1]);
      assert.equal(tested.download(words)[0], Math.fround(0x0b0a0908));
      file.release(0, 64);
      assert.deepEqual([...tested.downloadBytes(last)], [9, 10]);
      assert.equal(tested.allocatedBytes(), 0);
    });
  });

  register("a view keeps its file open", ({ tested }) => {
    withFile(new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer), (path) => {
      const file = tested.mapFile(path);
      const view = file.tensor(4, "F32", [2]);
      file[Symbol.dispose]();
      file[Symbol.dispose]();
      assert.deepEqual([...tested.download(view)], [2, 3]);
      assert.throws(() => file.tensor(0, "F32", [1]), { name: "SalientError" });
      view[Symbol.dispose]();
    });
  });

  register("a mapped weight serves as any other, aligned or not", async (pair) => {
    const values = pair.normal(6 * 20);
    const x = pair.random("F32", [3, 20]);
    for (const offset of [0, 2, 8, 11]) {
      const data = new Uint8Array(offset + values.byteLength);
      data.set(new Uint8Array(values.buffer), offset);
      await withFile(data, async (path) => {
        const read = (backend: Backend) => {
          using file = backend.mapFile(path);
          return file.tensor(offset, "F32", [6, 20]);
        };
        const weight = pair.keep({ tested: read(pair.tested), oracle: read(pair.oracle) });
        assert.deepEqual(pair.tested.download(weight.tested), values);
        const y = await pair.run((backend, use) => backend.linear(use(x), use(weight)));
        assertClose(pair.values(y), 1e-5, `offset ${offset}`);
      });
    }
  });

  register("ranges outside a file, and files that cannot be read, are refused", ({ tested }) => {
    withFile(new Uint8Array(64), (path) => {
      using file = tested.mapFile(path);
      const refusal = { name: "SalientError" };
      assert.throws(() => file.tensor(0, "U8", [65]), refusal);
      assert.throws(() => file.tensor(61, "F32", [1]), refusal);
      assert.throws(() => file.tensor(-4, "F32", [1]), refusal);
      assert.throws(() => file.tensor(0.5, "U8", [1]), refusal);
      assert.throws(() => file.tensor(0, "F64", [2 ** 31, 2 ** 31]), refusal);
      assert.throws(() => file.tensor(2 ** 60, "U8", [1]), refusal);
      assert.throws(() => tested.mapFile(`${path}.missing`), refusal);
    });
  });

  register("a mapped tensor cannot be changed", async ({ tested }) => {
    await withFile(new Uint8Array(16), async (path) => {
      using file = tested.mapFile(path);
      using mapped = file.tensor(0, "F32", [4]);
      using ones = tested.upload(Float32Array.of(1, 1, 1, 1), "F32", [4]);
      await assert.rejects(async () => await tested.addInPlace(mapped, ones), {
        name: "SalientError",
      });
    });
  });
}

/** Writes a temporary file and removes it after the body. */
function withFile<R>(data: Uint8Array, body: (path: string) => R): R {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/data.bin`;
  Deno.writeFileSync(path, data);
  const remove = () => Deno.removeSync(folder, { recursive: true });
  let result: R;
  try {
    result = body(path);
  } catch (error) {
    remove();
    throw error;
  }
  if (result instanceof Promise) return result.finally(remove) as R;
  remove();
  return result;
}
