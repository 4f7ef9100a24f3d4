import assert from "node:assert/strict";
import { findLibrary } from "../../../ffi/library.ts";
import { runChild } from "../children/run_child.ts";

const FLAGS = [
  "--allow-read",
  "--allow-write",
  "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
];

function isBuilt(): boolean {
  try {
    findLibrary("cuda_emulated");
    return true;
  } catch {
    return false;
  }
}

/** Needs the emulated library: deno task build:native --emulated. */
const ignore = !isBuilt();

Deno.test({
  name: "cuda emulated: an idle device computes nothing, and counts what it is asked for",
  ignore,
  async fn() {
    const traffic = await Deno.makeTempFile();
    try {
      const found = await runChild("cuda_idle.ts", FLAGS, {
        SALIENT_EMULATED_IDLE: "1",
        SALIENT_EMULATED_TRAFFIC: traffic,
      }) as Record<string, number>;
      const { upload, download, launches } = JSON.parse(await Deno.readTextFile(traffic));
      assert.notEqual(found["first"], 64 * 6);
      assert.ok(found["device"]! >= (128 * 64 + 32 * 64 + 32 * 128) * 4);
      assert.deepEqual(upload, { times: 2, bytes: (128 * 64 + 32 * 64) * 4 });
      assert.deepEqual(download, { times: 1, bytes: 32 * 128 * 4 });
      assert.ok(Object.keys(launches).length > 0);
    } finally {
      await Deno.remove(traffic);
    }
  },
});
