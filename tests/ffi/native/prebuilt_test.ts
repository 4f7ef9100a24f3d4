import assert from "node:assert/strict";
import { abiVersion, type Manifest, sha256, sourceHash } from "../../../ffi/native/build_plan.ts";
import { PREBUILT_TARGETS } from "../../../ffi/native/target.ts";

/** Numbers of processors in the header of an ELF file. */
const MACHINES: Readonly<Record<string, number>> = { x86_64: 62, aarch64: 183 };

for (const target of PREBUILT_TARGETS) {
  const folder = new URL(`../../../ffi/native/prebuilt/${target}/`, import.meta.url);
  const arch = target.slice(target.indexOf("-") + 1);
  const manifest = JSON.parse(
    Deno.readTextFileSync(new URL("manifest.json", folder)),
  ) as Manifest;
  const library = Deno.readFileSync(new URL("libsalient_cpu.so", folder));

  Deno.test(`the prebuilt library of ${target} was made from these sources`, async () => {
    assert.equal(
      manifest.sourceHash,
      await sourceHash(arch),
      `the native sources have changed: run deno task build:native --prebuilt --target ${target}`,
    );
  });

  Deno.test(`the prebuilt library of ${target} is the one that its manifest names`, async () => {
    assert.equal(manifest.sha256, await sha256(library));
    assert.equal(manifest.abiVersion, abiVersion());
  });

  Deno.test(`the prebuilt library of ${target} is for 64-bit ${arch}`, () => {
    assert.deepEqual([...library.subarray(0, 6)], [0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    assert.equal(new DataView(library.buffer).getUint16(18, true), MACHINES[arch]);
  });

  Deno.test(`the prebuilt library of ${target} names no folder of the machine that built it`, () => {
    const text = new TextDecoder("latin1").decode(library);
    const paths = text.match(/\/(?:home|root|tmp|work|build)\/[\w./-]+/g) ?? [];
    assert.deepEqual(paths, []);
  });
}
