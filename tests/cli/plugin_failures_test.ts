import assert from "node:assert/strict";
import { runSalient, salientCommand } from "./run_salient.ts";

const PLUGIN = "./tests/fixtures/plugins/misbehaving.ts";

function quantize(how: string, out: string): string[] {
  return [
    ...["quantize", "models/salient-tiny", "--plugin", PLUGIN, "--set", `misbehaving.how=${how}`],
    ...["--group-size", "32", "--out", out],
  ];
}

Deno.test("a plugin that misbehaves is one line, and nothing is left of the run", async (t) => {
  const cases: [string, RegExp, string[]?][] = [
    [
      "throw",
      /^salient: Plugin misbehaving failed in transformBlock on model.layers.0: out of luck/,
    ],
    ["version", /^salient: Plugin misbehaving is written for version 2 of the contract, this is 1/],
    ["hook", /^salient: Plugin misbehaving has the unknown hook transformBlok: did you mean trans/],
    [
      "shape",
      /^salient: Plugin misbehaving failed in quantizeLinear on \S+: gave codes U8 \[8, 128\]/,
    ],
    ["NaN", /^salient: Plugin misbehaving failed in transformBlock on \S+: Factors of .* have NaN/],
    ["dispose", /^salient: Plugin misbehaving failed in quantizeLinear on \S+q_proj: .*disposed/],
    [
      "hang",
      /transformBlock on model.layers.0: it took longer than the 0.2 s of --hook-timeout \(/,
      ["--hook-timeout", "0.2"],
    ],
  ];
  const directory = await Deno.makeTempDir();
  try {
    for (const [how, pattern, more = []] of cases) {
      await t.step(how, async () => {
        const run = await runSalient(...quantize(how, `${directory}/out`), ...more);
        assert.equal(run.stdout, "");
        assert.match(run.stderr, pattern);
        assert.equal(run.stderr.trimEnd().split("\n").length, 1, run.stderr);
        assert.equal(run.status, 1, run.stderr);
        assert.deepEqual([...Deno.readDirSync(directory)], []);
      });
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("Ctrl-C ends a plugin that hangs", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const process = salientCommand([...quantize("hang", `${directory}/out`), "--json"]).spawn();
    const news = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    while (!heard.includes('"type":"block"')) {
      const { value, done } = await news.read();
      if (done) break;
      heard += value;
    }
    process.kill("SIGINT");
    const { code } = await process.status;
    let rest = "";
    for (let part = await news.read(); !part.done; part = await news.read()) rest += part.value;
    await process.stdout.cancel();
    assert.equal(code, 130, rest);
    assert.match(rest, /Interrupted, nothing was kept/);
    assert.deepEqual([...Deno.readDirSync(directory)], []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
