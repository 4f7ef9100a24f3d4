import assert from "node:assert/strict";
import { runSalient } from "./run_salient.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs deno in a plugin's directory, with its own configuration. */
async function deno(cwd: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("plugin new writes a plugin that passes everything as it is", async (t) => {
  const directory = await Deno.makeTempDir();
  try {
    const out = `${directory}/my-rounding`;
    const made = await runSalient("plugin", "new", "my-rounding", "--out", out);
    assert.equal(made.status, 0, made.stderr);
    assert.equal(
      made.stdout,
      `${out}: deno.json, mod.ts, mod_test.ts, README.md\nnext: cd ${out} && deno task test\n`,
    );
    // The lock of the checkout, so that nothing has to be asked of the network.
    await Deno.copyFile(new URL("deno.lock", ROOT), `${out}/deno.lock`);
    await t.step("it is formatted, free of lint and typed", async () => {
      for (const args of [["fmt", "--check", "."], ["lint"], ["check", "mod.ts", "mod_test.ts"]]) {
        const { code, text } = await deno(out, ...args);
        assert.equal(code, 0, text);
      }
    });
    await t.step("its tests pass", async () => {
      const { code, text } = await deno(out, "task", "test", "--no-check");
      assert.equal(code, 0, text);
      assert.match(text, /11 passed/);
    });
    await t.step("its own task runs the command with it", async () => {
      const model = new URL("models/salient-tiny", ROOT).pathname;
      const { code, text } = await deno(
        out,
        ...["task", "salient", "quantize", model, "--plugin", "./mod.ts", "--group-size", "32"],
        ...["--set", "my-rounding.shrink=0.9", "--out", `${directory}/tiny`],
      );
      assert.equal(code, 0, text);
      assert.match(text, /tiny: my-rounding, 4 bits, groups of 32, awq-gemm;/);
    });
    await t.step("it is not written over", async () => {
      const again = await runSalient("plugin", "new", "my-rounding", "--out", out);
      assert.equal(again.status, 2);
      assert.match(again.stderr, /exists: choose another --out or remove it/);
    });
    await t.step("names that no plugin can have are refused", async () => {
      for (const name of ["My-Plugin", "../up", "rtn"]) {
        const wrong = await runSalient("plugin", "new", name, "--out", `${directory}/other`);
        assert.equal(wrong.status, 2, name);
        assert.match(wrong.stderr, /^salient: Plugin name .* (cannot be used|is taken)/);
      }
    });
    const left = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
    assert.deepEqual(left, ["my-rounding", "tiny"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
