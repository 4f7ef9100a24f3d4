import assert from "node:assert/strict";
import { libraryFileName, platformName } from "../../../ffi/native/platform.ts";

Deno.test("platformName() and libraryFileName() know the usual systems", () => {
  assert.equal(platformName("linux", "x86_64"), "linux-x86_64");
  assert.equal(platformName("darwin", "aarch64"), "macos-aarch64");
  assert.equal(libraryFileName("cpu", "linux"), "libsalient_cpu.so");
  assert.equal(libraryFileName("cpu", "darwin"), "libsalient_cpu.dylib");
  assert.equal(libraryFileName("cpu", "windows"), "salient_cpu.dll");
});
