import assert from "node:assert/strict";
import { isEmulationBuilt, runEmulated } from "./emulated_child.ts";

const ignore = !isEmulationBuilt();

Deno.test({
  name: "cuda emulated: memory of the device is reused, refused with its sizes, and follows files",
  ignore,
  async fn() {
    const found = await runEmulated("cuda_device.ts", {
      SALIENT_EMULATED_MEMORY: "64",
      SALIENT_EMULATED_PROTECT: "1",
    });
    const [device] = found["devices"] as { name: string; memoryBytes: number }[];
    assert.deepEqual([device!.name, device!.memoryBytes], ["emulated", 64 << 20]);
    assert.match(String(found["opened"]), /^emulated, compute capability 8\.0, 0\.1 GiB/);
    assert.deepEqual(found["other"], {
      code: "backend",
      message: "Cannot run device 7: There is no CUDA device 7: there are 1",
    });
    assert.equal(found["kept"], 20 << 20);
    assert.equal(found["keptThen"], 0);
    const refused = found["refused"] as { code: string; message: string };
    assert.equal(refused.code, "memory");
    assert.match(
      refused.message,
      /^Cannot run zeros: The device has no memory left for 30\.0 MiB: 1\d\.\d MiB of its 64\.0 MiB are free, tensors take 50\.0 MiB$/,
    );
    assert.deepEqual(found["sum"], [2, 4, 6]);
    assert.ok(Number(found["peak"]) >= 50 << 20);
    assert.deepEqual(found["steps"], [0, 4096, 4096, 0]);
    assert.equal(found["shared"], 512);
    assert.equal(found["last"], 1023);
  },
});

Deno.test({
  name: "cuda emulated: where no device answers, that is what is said",
  ignore,
  async fn() {
    const found = await runEmulated("cuda_device.ts", { SALIENT_EMULATED_NO_DEVICE: "1" });
    const error = (operation: string) => ({
      code: "backend",
      message: `Cannot run ${operation}: No CUDA device answers: there is none (0)`,
    });
    assert.deepEqual(found, {
      devices: error("device"),
      other: error("device 7"),
      opened: error("device 0"),
    });
  },
});
