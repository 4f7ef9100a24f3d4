import assert from "node:assert/strict";
import { abiVersion, type Manifest, sha256 } from "../../../ffi/native/build_plan.ts";
import { CUDA_ARCHITECTURES, cudaSourceHash } from "../../../ffi/native/cuda_plan.ts";

const FOLDER = new URL("../../../ffi/native/prebuilt/linux-x86_64/", import.meta.url);
const manifest = JSON.parse(
  Deno.readTextFileSync(new URL("manifest_cuda.json", FOLDER)),
) as Manifest;
const library = Deno.readFileSync(new URL("libsalient_cuda.so", FOLDER));

Deno.test("the prebuilt CUDA library was made from these sources", async () => {
  assert.equal(
    manifest.sourceHash,
    await cudaSourceHash(),
    "the native sources have changed: run deno task build:native --cuda --prebuilt",
  );
});

Deno.test("the prebuilt CUDA library is the one that its manifest names, and small enough", async () => {
  assert.equal(manifest.sha256, await sha256(library));
  assert.equal(manifest.abiVersion, abiVersion());
  assert.ok(library.length <= 12 * 2 ** 20, `${library.length} bytes`);
});

Deno.test("the prebuilt CUDA library is compiled for every architecture, and as PTX", () => {
  for (const arch of CUDA_ARCHITECTURES) {
    assert.ok(manifest.flags.some((flag) => flag.includes(`sm_${arch}`)), arch);
  }
  assert.ok(manifest.flags.some((flag) => flag.includes("code=[sm_120,compute_120]")));
});

Deno.test("the prebuilt CUDA library names no folder of the machine that built it", () => {
  const text = new TextDecoder("latin1").decode(library);
  assert.deepEqual(text.match(/\/(?:home|root|tmp|work)\/[\w./-]+/g) ?? [], []);
});
