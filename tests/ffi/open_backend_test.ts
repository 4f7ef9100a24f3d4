import assert from "node:assert/strict";
import { type BackendName, openBackend } from "../../ffi/open_backend.ts";
import { probeBackends } from "../../ffi/probe_backends.ts";

Deno.test("openBackend() opens each backend by name", async () => {
  for (const name of ["cpu", "reference"] as const) {
    using backend = await openBackend(name, { threads: 2 });
    assert.equal(backend.name, name);
    assert.ok(backend.detail.length > 0);
  }
  // Not cuda, even where a device answers, unless the device is named.
  using best = await openBackend();
  assert.equal(best.name, "cpu");
  await assert.rejects(openBackend("auto", { device: 1023 }), { code: "backend" });
});

Deno.test("openBackend() refuses what is not there", async () => {
  await assert.rejects(openBackend("cuda", { device: -1 }), { code: "usage" });
  await assert.rejects(openBackend("cuda", { device: 1023 }), { code: "backend" });
  await assert.rejects(openBackend("tpu" as BackendName), {
    code: "usage",
    message: "There is no backend tpu: use auto, cpu, reference or cuda",
  });
  await assert.rejects(openBackend("auto", { threads: 0 }), { code: "usage" });
});

Deno.test("probeBackends() answers for every backend", async () => {
  const probes = await probeBackends();
  assert.deepEqual(probes.map(({ name }) => name), ["cuda", "cpu", "reference"]);
  assert.deepEqual(probes.slice(1).map(({ available }) => available), [true, true]);
  for (const { version, detail } of probes) assert.ok(version.length > 0 && detail.length > 0);
});
