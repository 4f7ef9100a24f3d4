import assert from "node:assert/strict";
import { runSalient, salientCommand } from "../cli/run_salient.ts";

Deno.test("examples/quantize.ts quantizes the embedded model", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const out = `${directory}/tiny`;
    const run = await salientCommand([out], "examples/quantize.ts").output();
    const text = new TextDecoder();
    assert.equal(run.code, 0, text.decode(run.stderr));
    assert.match(text.decode(run.stdout), /^2493184 bytes became \d+ in /);
    const config = JSON.parse(await Deno.readTextFile(`${out}/config.json`));
    assert.equal(config.quantization_config.quant_method, "awq");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("examples/percentile.ts runs as a plugin of the command", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const run = await runSalient(
      ...["quantize", "models/salient-tiny", "--plugin", "./examples/percentile.ts"],
      ...["--group-size", "32", "--out", `${directory}/out`, "--json"],
    );
    assert.equal(run.status, 0, run.stderr);
    const report = JSON.parse(run.stdout);
    assert.equal(report.method, "percentile");
    assert.ok(report.layers.every((layer: { error: number }) => layer.error < 0.1));
    assert.equal(report.calibrationTokens, 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
