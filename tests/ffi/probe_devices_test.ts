import assert from "node:assert/strict";
import { probeBackends } from "../../ffi/probe_backends.ts";
import { probeDevices } from "../../ffi/probe_devices.ts";

Deno.test("probeDevices() lists devices where the CUDA backend works, and none elsewhere", async () => {
  const [cuda] = await probeBackends();
  const devices = probeDevices();
  assert.equal(devices.length > 0, cuda!.available);
  for (const [index, device] of devices.entries()) {
    assert.equal(device.index, index);
    assert.ok(device.name.length > 0 && device.memoryBytes >= device.freeBytes);
  }
});
