import assert from "node:assert/strict";
import { createCpuBackend } from "../../../ffi/cpu/cpu_backend.ts";
import { runBackendSuite } from "../backend_suite.ts";

runBackendSuite("cpu", () => createCpuBackend());

/** Lower instruction sets, each in a process of its own: the choice holds for a whole process. */
const lower = Deno.build.arch === "aarch64"
  ? ["scalar", "neon", "neondot"]
  : ["scalar", "avx2", "avx512"];
for (const isa of lower) {
  Deno.test(`cpu ${isa} agrees with the reference`, async () => {
    const script = new URL("../children/parity_at_isa.ts", import.meta.url).pathname;
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "--no-check",
        "--no-prompt",
        "--allow-read",
        "--allow-write",
        "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
        script,
        "--",
        isa,
      ],
      cwd: new URL("../../../", import.meta.url),
      env: { NO_COLOR: "1" },
    });
    const { stdout, stderr, success } = await command.output();
    const text = new TextDecoder().decode(stdout);
    assert.ok(success, text + new TextDecoder().decode(stderr));
    // A processor without the instruction set has nothing to test.
    if (!text.includes("ok | 0 passed")) assert.match(text, /ok \| [1-9]\d+ passed/);
  });
}
