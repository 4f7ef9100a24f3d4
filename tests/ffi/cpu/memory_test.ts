import assert from "node:assert/strict";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { runChild } from "../children/run_child.ts";

Deno.test("a tensor that memory cannot hold is a memory error", () => {
  using backend = createCpuBackend();
  assert.throws(() => backend.zeros("F64", [2 ** 24, 2 ** 24]), {
    code: "memory",
    message: "Cannot run zeros: Not enough memory",
  });
  assert.throws(() => backend.zeros("F64", [2 ** 31, 2 ** 31]), { code: "backend" });
  assert.equal(backend.allocatedBytes(), 0);
});

Deno.test("memory of reused blocks is zeroed", () => {
  using backend = createCpuBackend();
  const count = 1 << 20;
  for (let i = 0; i < 3; i++) {
    backend.upload(new Float32Array(count).fill(7), "F32", [count])[Symbol.dispose]();
    using again = backend.zeros("F32", [count]);
    assert.ok(backend.download(again).every((value) => value === 0));
  }
});

Deno.test("freed memory is kept up to a bound, and trim() gives it back", async () => {
  const flags = ["--allow-read", "--allow-ffi=ffi/native/prebuilt,ffi/native/build"];
  const found = await runChild("keep_memory.ts", flags) as Record<string, number>;
  assert.deepEqual([found["start"], found["trimmed"]], [0, 0]);
  assert.ok(found["one"]! >= 4 << 20 && found["one"]! < 5 << 20);
  assert.equal(found["reused"], 0);
  assert.ok(found["many"]! >= 128 << 20 && found["many"]! <= 256 << 20);
});

Deno.test("allocatedBytes() is that of one backend", () => {
  using backend = createCpuBackend();
  using other = createCpuBackend();
  using _mine = backend.zeros("F32", [10]);
  using _its = other.zeros("F64", [100]);
  assert.deepEqual([backend.allocatedBytes(), other.allocatedBytes()], [40, 800]);
});

Deno.test("peakRssBytes() is that of this process", () => {
  using backend = createCpuBackend();
  const peak = backend.peakRssBytes();
  assert.ok(peak >= Deno.memoryUsage().rss * 0.5 && peak < 2 ** 40, `${peak}`);
  using _block = backend.upload(new Uint8Array(32 << 20), "U8", [32 << 20]);
  assert.ok(backend.peakRssBytes() >= peak);
});
