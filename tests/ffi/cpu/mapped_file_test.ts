import assert from "node:assert/strict";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { NativeLibrary } from "../../../ffi/library.ts";

/** Runs the body with a file of these bytes in a folder of its own. */
function withFile(bytes: Uint8Array, body: (path: string, folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/data.bin`;
  Deno.writeFileSync(path, bytes);
  try {
    body(path, folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("mapFile() refuses what is not a readable file", () => {
  using backend = createCpuBackend();
  withFile(new Uint8Array(8), (path, folder) => {
    const cases: Record<string, RegExp> = {
      [`${path}.missing`]: /: Cannot open the file: No such file/,
      [folder]: /: It is not a regular file$/,
      "": /: The path is not valid$/,
      [`${path}\0.txt`]: /: The path is not valid$/,
    };
    for (const [wrong, message] of Object.entries(cases)) {
      assert.throws(() => backend.mapFile(wrong), { code: "input", message, file: wrong });
    }
  });
});

Deno.test("an empty file can be mapped", () => {
  using backend = createCpuBackend();
  withFile(new Uint8Array(0), (path) => {
    using file = backend.mapFile(path);
    assert.equal(file.byteLength, 0);
    using nothing = file.tensor(0, "F32", [0]);
    assert.equal(backend.download(nothing).length, 0);
    assert.throws(() => file.tensor(0, "U8", [1]), { name: "SalientError" });
    file.release(0, 0);
  });
});

Deno.test("a view says which bytes are not in the file", () => {
  using backend = createCpuBackend();
  withFile(new Uint8Array(16), (path) => {
    using file = backend.mapFile(path);
    assert.throws(() => file.tensor(8, "F64", [2]), {
      code: "backend",
      message: `16 bytes from 8 are not all in the 16 bytes of ${path}`,
      file: path,
    });
    assert.throws(() => file.release(8, 9), { name: "SalientError" });
    assert.throws(() => file.release(-1, 4), { name: "SalientError" });
  });
});

Deno.test("the library checks ranges itself, also those that overflow", () => {
  using library = NativeLibrary.open("cpu");
  withFile(new Uint8Array(64), (path) => {
    const { salient_map, salient_file_tensor, salient_file_release, salient_release } =
      library.symbols;
    const name = new TextEncoder().encode(path);
    const file = new Uint32Array(1);
    library.unwrap(salient_map(name, name.length, file, new Float64Array(1)), "map");
    const handle = file[0] ?? 0;
    const most = 2n ** 64n - 1n;
    const out = new Uint32Array(1);
    const wrong = [
      salient_file_tensor(handle, most, 8, Uint32Array.of(1), 1, out),
      salient_file_tensor(handle, most - 3n, 8, Uint32Array.of(8), 1, out),
      salient_file_tensor(handle, 65n, 8, Uint32Array.of(0), 1, out),
      salient_file_tensor(handle, 0n, 8, Uint32Array.of(65), 1, out),
      salient_file_tensor(handle, 0n, 0, new Uint32Array(4).fill(0xffffffff), 4, out),
      salient_file_tensor(handle, 0n, 99, Uint32Array.of(1), 1, out),
      salient_file_tensor(handle, 0n, 8, new Uint32Array(9).fill(1), 9, out),
      salient_file_tensor(handle, 0n, 8, null, 1, out),
      salient_file_tensor(handle, 0n, 8, Uint32Array.of(1), 1, null),
      salient_file_release(handle, 1n, most),
      salient_file_release(handle, most, 1n),
    ];
    for (const [i, status] of wrong.entries()) {
      assert.throws(() => library.unwrap(status, "it"), { name: "SalientError" }, `case ${i}`);
    }
    library.unwrap(salient_release(handle), "release");
  });
});

Deno.test("a file that was cut since it was mapped is refused, not read", () => {
  using backend = createCpuBackend();
  withFile(new Uint8Array(100_000), (path) => {
    using file = backend.mapFile(path);
    Deno.truncateSync(path, 10);
    assert.throws(() => file.tensor(50_000, "U8", [4]), {
      code: "input",
      message: /The file was cut while it was open$/,
      file: path,
    });
  });
});
