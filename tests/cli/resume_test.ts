import assert from "node:assert/strict";
import { assertSameFiles } from "../core/journal/journal_fixtures.ts";
import { runSalient, salientCommand } from "./run_salient.ts";

const OPTIONS = [
  ...["quantize", "models/salient-tiny", "--group-size", "32", "--samples", "8"],
  ...["--seq-len", "64"],
];

/** Runs with `--json --resume`, sends a signal once a block is done (or another event is heard), and returns what was said. */
async function endAt(
  event: string,
  signal: "SIGKILL" | "SIGINT",
  args: readonly string[],
): Promise<{ code: number; said: string }> {
  const process = salientCommand([...OPTIONS, "--json", "--resume", ...args]).spawn();
  const news = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  let isSent = false;
  for (let part = await news.read(); !part.done; part = await news.read()) {
    said += part.value;
    if (isSent || !said.includes(event)) continue;
    isSent = true;
    process.kill(signal);
  }
  await process.stdout.cancel();
  assert.ok(isSent, said);
  return { code: (await process.status).code, said };
}

function doneWith(block: number): string {
  return `"type":"block","index":${block},"blocks":5,"name":"model.layers.${block}","state":"finish"`;
}

Deno.test("killed after any block, while it is resumed, and after Ctrl-C, a run comes to the same bytes", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [whole, out] = [`${folder}/whole`, `${folder}/out`];
    const work = `${folder}/.out.salient-work`;
    assert.equal((await runSalient(...OPTIONS, "--out", whole)).status, 0);

    for (const block of [0, 1]) await endAt(doneWith(block), "SIGKILL", ["--out", out]);
    await endAt(`"type":"resume","done":2`, "SIGKILL", ["--out", out]);
    await endAt(`"type":"linear"`, "SIGKILL", ["--out", out]);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      ".out.salient-work",
      "whole",
    ]);
    const { code, said } = await endAt(doneWith(2), "SIGINT", ["--out", out]);
    assert.equal(code, 130);
    const last = said.trim().split("\n").at(-1);
    const kept = `3 of 5 blocks in ${work}, the same command goes on from there`;
    assert.equal(last, `salient: Interrupted: what is done is kept, ${kept}`);

    const dry = await runSalient(...OPTIONS, "--out", out, "--resume", "--dry-run");
    assert.match(dry.stdout, /^3 of 5 blocks are done and would be kept\n/);
    const other = await runSalient(...OPTIONS, "--out", out, "--resume", "--seed", "5");
    assert.equal(other.status, 2);
    assert.match(other.stderr, /differs in the calibration text, seed \(0 then, 5 now\): .*\n$/);

    const { status, stdout, stderr } = await runSalient(...OPTIONS, "--out", out, "--resume");
    assert.equal(status, 0, stderr);
    assert.match(stderr, /going on behind block 3 of 5, done before\nblock 4\/5 done/);
    assert.match(stdout, /^.*out: awq, 4 bits/);
    assertSameFiles(out, whole);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "out",
      "whole",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the file of a plugin, and what is set for it, must be the same when a run is resumed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const plugin = `${folder}/percentile.ts`;
    const source = await Deno.readTextFile("examples/percentile.ts");
    const contract = new URL("../../core/plugin.ts", import.meta.url).href;
    await Deno.writeTextFile(plugin, source.replace("@salient/quant/plugin", contract));
    const args = ["--plugin", plugin, "--out", `${folder}/out`];
    await endAt(doneWith(1), "SIGKILL", args);
    for (const change of ["set", "file"]) {
      if (change === "file") await Deno.writeTextFile(plugin, "\n", { append: true });
      const set = change === "set" ? ["--set", "percentile.keep=0.9"] : [];
      const { status, stderr } = await runSalient(...OPTIONS, ...args, ...set, "--resume");
      assert.equal(status, 2);
      assert.match(stderr, /differs in files or settings of plugins/);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
