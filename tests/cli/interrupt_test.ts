import assert from "node:assert/strict";
import { salientCommand } from "./run_salient.ts";

Deno.test("Ctrl-C ends a run within a second, with status 130 and nothing left behind", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const process = salientCommand([
      ...["quantize", "models/salient-tiny", "--group-size", "32", "--json"],
      ...["--samples", "400", "--seq-len", "1000", "--out", `${directory}/out`],
    ]).spawn();
    const news = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    while (!heard.includes('"type":"block"')) {
      const { value, done } = await news.read();
      if (done) break;
      heard += value;
    }
    assert.match(heard, /"type":"block"/);
    const begin = performance.now();
    process.kill("SIGINT");
    const { code } = await process.status;
    const seconds = (performance.now() - begin) / 1000;
    let rest = "";
    for (let part = await news.read(); !part.done; part = await news.read()) rest += part.value;
    await process.stdout.cancel();
    assert.equal(code, 130, rest);
    assert.match(rest, /Interrupted/);
    assert.ok(seconds < 1.5, `took ${seconds} s`);
    assert.deepEqual([...Deno.readDirSync(directory)], []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
