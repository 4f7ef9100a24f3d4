import assert from "node:assert/strict";
import { abiVersion, type Manifest, sha256, sourceHash } from "../../../ffi/native/build_plan.ts";

const FOLDER = new URL("../../../ffi/native/prebuilt/linux-x86_64/", import.meta.url);
const manifest = JSON.parse(
  Deno.readTextFileSync(new URL("manifest.json", FOLDER)),
) as Manifest;
const library = Deno.readFileSync(new URL("libsalient_cpu.so", FOLDER));

Deno.test("the prebuilt library was made from these sources", async () => {
  assert.equal(
    manifest.sourceHash,
    await sourceHash(),
    "the native sources have changed: run deno task build:native --prebuilt and commit the result",
  );
});

Deno.test("the prebuilt library is the one that its manifest names", async () => {
  assert.equal(manifest.sha256, await sha256(library));
  assert.equal(manifest.abiVersion, abiVersion());
});

Deno.test("the prebuilt library names no folder of the machine that built it", () => {
  const text = new TextDecoder("latin1").decode(library);
  const paths = text.match(/\/(?:home|root|tmp|work|build)\/[\w./-]+/g) ?? [];
  assert.deepEqual(paths, []);
});
