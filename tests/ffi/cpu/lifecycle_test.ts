import assert from "node:assert/strict";
import type { Tensor } from "../../../core/tensor.ts";
import { NativeTensor } from "../../../ffi/abi/native_tensor.ts";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { NativeLibrary } from "../../../ffi/library.ts";
import { createReferenceBackend } from "../../../ffi/reference/reference_backend.ts";
import { runChild } from "../children/run_child.ts";

/** Whether the library has let go of a tensor. */
function isReleased(tensor: Tensor): boolean {
  assert.ok(tensor instanceof NativeTensor);
  using library = NativeLibrary.open("cpu");
  const out = new Uint32Array(1);
  return library.symbols.salient_rows(tensor.owned.value, 0, 0, out) !== 0;
}

const DISPOSED = { code: "backend", message: /after it was disposed$/ };

Deno.test("a tensor may be disposed twice and not used afterwards", async () => {
  using backend = createCpuBackend();
  const x = backend.zeros("F32", [4, 4]);
  assert.equal(backend.allocatedBytes(), 64);
  x[Symbol.dispose]();
  x[Symbol.dispose]();
  assert.equal(backend.allocatedBytes(), 0);
  assert.throws(() => backend.download(x), {
    code: "backend",
    message: "Cannot run download: tensor was used after it was disposed",
  });
  assert.throws(() => backend.rows(x, 0, 1), DISPOSED);
  await assert.rejects(backend.linear(x, x), DISPOSED);
  await assert.rejects(backend.addInPlace(x, x), DISPOSED);
});

Deno.test("views keep the memory of a disposed parent", () => {
  using backend = createCpuBackend();
  const parent = backend.upload(Float32Array.of(1, 2, 3, 4), "F32", [2, 2]);
  const row = backend.rows(parent, 1, 1);
  const flat = backend.reshape(row, [2]);
  parent[Symbol.dispose]();
  row[Symbol.dispose]();
  assert.deepEqual([...backend.download(flat)], [3, 4]);
  assert.equal(backend.allocatedBytes(), 16);
  flat[Symbol.dispose]();
  assert.equal(backend.allocatedBytes(), 0);
});

Deno.test("a packed weight is counted, and not used after it was disposed", async () => {
  using backend = createCpuBackend();
  using x = backend.zeros("F32", [1, 64]);
  using w = backend.zeros("F32", [8, 64]);
  const grid = {
    bits: 4,
    groupSize: 32,
    symmetric: false,
    scaleDtype: "F16",
    range: "zero",
  } as const;
  using quantized = await backend.quantize(w, grid);
  const before = backend.allocatedBytes();
  const packed = await backend.pack(quantized);
  assert.equal(backend.allocatedBytes(), before + packed.byteLength);
  packed[Symbol.dispose]();
  packed[Symbol.dispose]();
  assert.equal(backend.allocatedBytes(), before);
  await assert.rejects(backend.linear(x, packed), DISPOSED);
});

Deno.test("tensors of another backend are refused", async () => {
  using backend = createCpuBackend();
  using other = createCpuBackend();
  using reference = createReferenceBackend();
  using mine = backend.zeros("F32", [2, 2]);
  for (const stranger of [other.zeros("F32", [2, 2]), reference.zeros("F32", [2, 2])]) {
    await assert.rejects(backend.addInPlace(mine, stranger), {
      code: "backend",
      message: "Cannot run addInPlace: y belongs to another backend",
    });
    stranger[Symbol.dispose]();
  }
});

Deno.test("disposing the backend ends its tensors and files", async () => {
  const backend = createCpuBackend();
  const x = backend.zeros("F32", [1000]);
  const file = backend.mapFile(new URL(import.meta.url).pathname);
  const view = file.tensor(0, "U8", [10]);
  backend[Symbol.dispose]();
  backend[Symbol.dispose]();
  assert.ok(isReleased(x) && isReleased(view));
  assert.throws(() => backend.download(x), DISPOSED);
  assert.throws(() => backend.zeros("F32", [1]), DISPOSED);
  assert.throws(() => backend.allocatedBytes(), DISPOSED);
  assert.throws(() => backend.mapFile("x"), DISPOSED);
  assert.throws(() => file.tensor(0, "U8", [1]), { name: "SalientError" });
  await assert.rejects(backend.addInPlace(x, x), DISPOSED);
  for (const end of [x, view, file]) end[Symbol.dispose]();
});

Deno.test("a released handle is refused, also when its place is taken again", () => {
  using library = NativeLibrary.open("cpu");
  const { salient_zeros, salient_release, salient_download } = library.symbols;
  const shape = Uint32Array.of(1);
  function zeros(): number {
    const out = new Uint32Array(1);
    library.unwrap(salient_zeros(1, shape, 1, out), "zeros");
    return out[0] ?? 0;
  }
  const early = Array.from({ length: 8 }, zeros);
  for (const handle of early) library.unwrap(salient_release(handle), "release");
  const later = Array.from({ length: 3000 }, () => {
    const handle = zeros();
    library.unwrap(salient_release(handle), "release");
    return handle;
  });
  const placeOf = (handle: number) => handle & 0xfffff;
  const places = new Set(later.map(placeOf));
  assert.ok(early.some((handle) => places.has(placeOf(handle))), "places are taken again");
  assert.ok(!early.some((handle) => later.includes(handle)), "by other handles");
  const values = new Float32Array(1);
  for (const handle of [...early, 0, 0xffffffff, ...later.slice(-3)]) {
    assert.throws(() => library.unwrap(salient_download(handle, values, 1n), "download"), {
      message: `Cannot run download: The tensor is not a living tensor (handle ${handle})`,
    });
    assert.throws(() => library.unwrap(salient_release(handle), "release"), {
      message: `Cannot run release: Handle ${handle} is not in use`,
    });
  }
});

Deno.test("forgotten tensors are freed by the garbage collector", async () => {
  const flags = [
    "--v8-flags=--expose-gc",
    "--allow-read",
    "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
  ];
  assert.deepEqual(await runChild("forget_tensors.ts", flags), { before: 400_000, after: 0 });
});
