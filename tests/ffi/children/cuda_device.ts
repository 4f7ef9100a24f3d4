/**
 * Uses the emulated CUDA library in ways that belong to a whole process, and prints what came of it.
 *
 * @module
 */

import { SalientError } from "../../../core/backend.ts";
import { createCudaBackend, listCudaDevices } from "../../../ffi/cuda/cuda_backend.ts";
import { NativeLibrary } from "../../../ffi/library.ts";

function attempt<T>(body: () => T): T | { code: string; message: string } {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof SalientError)) throw error;
    return { code: error.code, message: error.message };
  }
}

const library = "cuda_emulated";
const devices = attempt(() => listCudaDevices({ library }));
const other = attempt(() => createCudaBackend({ library, device: 7 })[Symbol.dispose]());
const opened = attempt(() => createCudaBackend({ library }));
if ("code" in opened) {
  console.log(JSON.stringify({ devices, other, opened }));
} else {
  using backend = opened;
  using native = NativeLibrary.open(library);
  const memory = () => {
    const reals = new Float64Array(4);
    native.unwrap(native.symbols.salient_memory(reals), "memory");
    return reals;
  };
  const mebibytes = (count: number) => backend.zeros("U8", [count << 20]);
  // What was freed is kept, and given back when there is no room for something else.
  mebibytes(20)[Symbol.dispose]();
  const kept = memory()[2];
  using large = mebibytes(50);
  const keptThen = memory()[2];
  const refused = attempt(() => mebibytes(30));
  using after = backend.upload(Float32Array.of(1, 2, 3), "F32", [3]);
  await backend.addInPlace(after, after);
  const sum = [...backend.download(after)];
  const peak = memory()[3];
  large[Symbol.dispose]();
  // A view of a file takes memory of the device when it is used, until its range is released.
  const path = Deno.makeTempFileSync();
  Deno.writeFileSync(path, new Uint8Array(Float32Array.from({ length: 1024 }, (_, i) => i).buffer));
  using file = backend.mapFile(path);
  Deno.removeSync(path);
  const before = memory()[0]!;
  using view = file.tensor(0, "F32", [1024]);
  const steps = [memory()[0]! - before];
  (await backend.cast(view, "F32"))[Symbol.dispose]();
  steps.push(memory()[0]! - before);
  using half = backend.rows(view, 512, 512);
  using halfCast = await backend.cast(half, "F32");
  const shared = backend.download(halfCast)[0];
  steps.push(memory()[0]! - before - halfCast.byteLength);
  halfCast[Symbol.dispose]();
  file.release(0, 4096);
  steps.push(memory()[0]! - before);
  using again = await backend.cast(view, "F32");
  const last = backend.download(again)[1023];
  backend.trim();
  console.log(JSON.stringify(
    {
      devices,
      other,
      opened: backend.detail,
      kept,
      keptThen,
      refused,
      sum,
      peak,
      steps,
      shared,
      last,
    },
  ));
}
