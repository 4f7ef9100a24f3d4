import assert from "node:assert/strict";
import { isEmulationBuilt, runEmulated } from "./emulated_child.ts";

const ignore = !isEmulationBuilt();

Deno.test({
  name: "cuda emulated: an idle device computes nothing, and counts what it is asked for",
  ignore,
  async fn() {
    const traffic = await Deno.makeTempFile();
    try {
      const found = await runEmulated("cuda_idle.ts", {
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
