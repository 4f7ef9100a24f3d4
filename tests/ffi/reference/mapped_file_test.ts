import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import assert from "node:assert/strict";

const backend = createReferenceBackend();

Deno.test("a file that is missing or is a directory is refused, and named", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (
      const [path, reason] of [[folder, /not a regular file|directory/i], [
        `${folder}/no`,
        /No such/,
      ]] as const
    ) {
      assert.throws(() => backend.mapFile(path), (error: unknown) => {
        assert.ok(error instanceof Error && "code" in error && "file" in error);
        assert.deepEqual([error.name, error.code, error.file], ["SalientError", "input", path]);
        assert.match(error.message, reason);
        return true;
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file that shrinks while it is open gives an error, not zeros", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, new Uint8Array(100).fill(7));
    using file = backend.mapFile(path);
    using tensor = file.tensor(40, "U8", [60]);
    assert.ok(backend.downloadBytes(tensor).every((byte) => byte === 7));
    await Deno.truncate(path, 50);
    assert.throws(() => backend.download(tensor), {
      code: "input",
      message: /ends before byte 100/,
    });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("only the rows asked for are read", async () => {
  const path = await Deno.makeTempFile();
  try {
    // A sparse file of 8 GiB: reading it whole would take longer than any test may.
    const rows = 2 ** 23;
    await Deno.truncate(path, rows * 1024);
    using file = backend.mapFile(path);
    using table = file.tensor(0, "F16", [rows, 512]);
    using embedded = await backend.embed(table, Int32Array.of(0, rows - 1));
    assert.deepEqual([...embedded.shape], [2, 512]);
    using last = backend.rows(table, rows - 1, 1);
    assert.equal(backend.download(last).length, 512);
    assert.equal(file.byteLength, 2 ** 33);
  } finally {
    await Deno.remove(path);
  }
});
