import assert from "node:assert/strict";
import { usableLibraries } from "./usable_libraries.ts";

const emulated = usableLibraries().find(({ library }) => library === "cuda_emulated");

// The kernels of sm_90a are not chosen until they have been measured: here they are, for a whole process.
Deno.test({
  name: "cuda emulated: products by wgmma agree with the reference",
  ignore: emulated?.reason !== undefined,
  async fn() {
    const script = new URL("../children/parity_by_wgmma.ts", import.meta.url).pathname;
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "--no-check",
        "--no-prompt",
        "--allow-read",
        "--allow-write",
        "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
        "--filter=/^wgmma: linear (with|of)/",
        script,
      ],
      cwd: new URL("../../../", import.meta.url),
      env: { NO_COLOR: "1", SALIENT_EMULATED_WGMMA: "1" },
    });
    const { stdout, stderr, success } = await command.output();
    const text = new TextDecoder().decode(stdout);
    assert.ok(success, text + new TextDecoder().decode(stderr));
    assert.match(text, /ok \| [1-9]\d+ passed/);
  },
});
