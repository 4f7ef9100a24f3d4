import assert from "node:assert/strict";
import { runSalient } from "../cli/run_salient.ts";

const DIRECTORY = new URL("../../examples/plugin-hadamard/", import.meta.url);

Deno.test("examples/plugin-hadamard is a package whose own tests pass", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["task", "test", "--no-check"], // it is checked with everything else
    cwd: DIRECTORY,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, text);
  assert.match(text, /14 passed/);
});

Deno.test("examples/plugin-hadamard runs before a method, to a checkpoint that is measured", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const out = `${directory}/tiny`;
    const run = await runSalient(
      ...["quantize", "models/salient-tiny", "--method", "./examples/plugin-hadamard/mod.ts+rtn"],
      ...["--group-size", "32", "--out", out, "--json"],
    );
    assert.equal(run.status, 0, run.stderr);
    assert.equal(JSON.parse(run.stdout).method, "hadamard+rtn");
    const config = JSON.parse(await Deno.readTextFile(`${out}/config.json`));
    assert.equal(config.tie_word_embeddings, false);
    const perplexity = async (model: string): Promise<number> => {
      const eight = ["--seq-len", "256", "--windows", "8", "--json"];
      const measured = await runSalient("eval", model, "--text", "held-out", ...eight);
      assert.equal(measured.status, 0, measured.stderr);
      const { perplexity, windows } = JSON.parse(measured.stdout);
      assert.equal(windows, 8);
      return perplexity;
    };
    const [original, rotated] = [await perplexity("models/salient-tiny"), await perplexity(out)];
    assert.ok(rotated > original && rotated < original * 1.1, `${original} became ${rotated}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
