import assert from "node:assert/strict";
import { runSalient } from "./run_salient.ts";

const MODEL = "models/salient-tiny";

/** Runs a test in a directory that is removed afterwards. */
async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function shortText(directory: string): Promise<string> {
  const path = `${directory}/text.txt`;
  const sentence = "The people of the United States have every reason to be grateful. ";
  await Deno.writeTextFile(path, sentence.repeat(80));
  return path;
}

Deno.test("quantize, inspect, eval and generate go through from end to end", async (t) => {
  await inDirectory(async (directory) => {
    const text = await shortText(directory);
    const out = `${directory}/int4`;
    await t.step("quantize --json gives the fields that scripts rely on", async () => {
      const run = await runSalient(
        ...["quantize", MODEL, "--method", "awq", "--bits", "4", "--group-size", "32"],
        ...["--calib", text, "--samples", "4", "--seq-len", "64", "--out", out, "--json"],
      );
      assert.equal(run.status, 0, run.stderr);
      const report = JSON.parse(run.stdout);
      assert.deepEqual(
        [report.method, report.bits, report.groupSize, report.format, report.out],
        ["awq", 4, 32, "awq-gemm", out],
      );
      assert.equal(report.calibrationTokens, 256);
      assert.ok(report.bytesAfter < report.bytesBefore / 2);
      assert.ok(report.seconds > 0 && report.peakRssBytes > 1e6);
      assert.equal(report.layers.length, 35);
      const sum = (key: string): number =>
        report.layers.reduce(
          (total: number, layer: Record<string, number>) => total + layer[key]!,
          0,
        );
      assert.ok(sum("error") < sum("rtnError"));
      for (const layer of report.layers) {
        assert.deepEqual([layer.bits, layer.groupSize, layer.method], [4, 32, "awq"]);
      }
      for (const line of run.stderr.trim().split("\n")) {
        assert.ok("type" in JSON.parse(line), line);
      }
    });
    await t.step("inspect names the format", async () => {
      const run = await runSalient("inspect", out, "--json");
      assert.equal(run.status, 0, run.stderr);
      const found = JSON.parse(run.stdout);
      assert.deepEqual([found.format, found.bits, found.groupSize, found.family], [
        "awq-gemm",
        4,
        32,
        "llama",
      ]);
      assert.equal(found.parameters, 1_246_592);
      assert.equal(found.linears.length, 35);
    });
    await t.step("eval measures it, near the original", async () => {
      const perplexity = async (model: string): Promise<number> => {
        const run = await runSalient("eval", model, "--text", text, "--seq-len", "128", "--json");
        assert.equal(run.status, 0, run.stderr);
        return JSON.parse(run.stdout).perplexity;
      };
      const [original, quantized] = [await perplexity(MODEL), await perplexity(out)];
      assert.ok(quantized > original * 0.8 && quantized < original * 1.3);
    });
    await t.step("generate writes with it", async () => {
      const run = await runSalient(
        "generate",
        out,
        "--prompt",
        "The people",
        "--max-tokens",
        "8",
        "--json",
      );
      assert.equal(run.status, 0, run.stderr);
      const { text, tokens, tokensPerSecond } = JSON.parse(run.stdout);
      assert.ok(text.length > 0 && tokens > 0 && tokensPerSecond > 0);
    });
    await t.step("a finished checkpoint is not overwritten", async () => {
      const run = await runSalient("quantize", MODEL, "--method", "rtn", "--out", out);
      assert.equal(run.status, 2);
      assert.match(run.stderr, /exists|not empty/);
    });
  });
});

Deno.test("compare prints the table and its JSON", async () => {
  await inDirectory(async (directory) => {
    const text = await shortText(directory);
    const run = await runSalient(
      ...["compare", MODEL, "--methods", "rtn,awq", "--bits", "8,3", "--text", text],
      ...["--calib", text, "--samples", "4", "--seq-len", "64", "--group-size", "64", "--json"],
    );
    assert.equal(run.status, 0, run.stderr);
    const { rows } = JSON.parse(run.stdout);
    assert.deepEqual(
      rows.map((row: { method: string; bits: number }) => `${row.method} ${row.bits}`),
      ["original 16", "rtn 8", "awq 8", "rtn 3", "awq 3"],
    );
    const [original, rtn8, , rtn3] = rows.map((row: { perplexity: number }) => row.perplexity);
    assert.ok(Math.abs(rtn8 / original - 1) < 0.02);
    assert.ok(rtn3 > rtn8);
  });
});

Deno.test("compare measures chains and plugins of third parties", async () => {
  await inDirectory(async (directory) => {
    const text = await shortText(directory);
    const run = await runSalient(
      ...["compare", MODEL, "--methods", "rtn,awq+rtn,./tests/fixtures/plugins/rounder.ts"],
      ...["--bits", "3", "--text", text, "--set", "rounder.bits=8", "--set", "awq.gridPoints=3"],
      ...["--calib", text, "--samples", "4", "--seq-len", "64", "--group-size", "64", "--json"],
    );
    assert.equal(run.status, 0, run.stderr);
    const rows: { method: string; perplexity: number }[] = JSON.parse(run.stdout).rows;
    assert.deepEqual(rows.map(({ method }) => method), [
      "original",
      "rtn",
      "awq+rtn",
      "my-rounder",
    ]);
    const [original, rtn, chain, plugin] = rows.map(({ perplexity }) => perplexity);
    assert.ok(chain! !== rtn, "awq has changed nothing");
    assert.ok(Math.abs(plugin! / original! - 1) < 0.02, "--set has not reached the plugin");
  });
});

Deno.test("doctor says which backends work", async () => {
  const run = await runSalient("doctor", "--json");
  assert.equal(run.status, 0);
  const { deno, backends } = JSON.parse(run.stdout);
  assert.equal(deno, Deno.version.deno);
  const reference = backends.find((backend: { name: string }) => backend.name === "reference");
  assert.equal(reference.available, true);
});

Deno.test("help, version and completion need no model", async () => {
  const help = await runSalient("quantize", "--help");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /--group-size N/);
  assert.match(help.stdout, /Example/);
  assert.match((await runSalient("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match((await runSalient("completion", "bash")).stdout, /_salient/);
});

Deno.test("inspect --salience names channels, measures and draws", async () => {
  await inDirectory(async (directory) => {
    const text = await shortText(directory);
    const windows = ["--calib", text, "--samples", "2", "--seq-len", "128"];
    const svg = `${directory}/chart.svg`;
    const run = await runSalient(
      ...["inspect", MODEL, "--salience", ...windows, "--text", text, "--svg", svg, "--json"],
    );
    assert.equal(run.status, 0, run.stderr);
    const { salience } = JSON.parse(run.stdout);
    assert.equal(salience.linears.length, 35);
    assert.deepEqual([salience.study.bits, salience.study.kept.length], [3, 9]);
    assert.match(await Deno.readTextFile(svg), /^<svg[^]*salient-tiny, 3 bits/);
    const people = await runSalient("inspect", MODEL, "--salience", ...windows);
    assert.match(people.stdout, /q_proj +128 +1 +[\d.]+ +\d+ \([\d.]+\)/);
    const alone = await runSalient("inspect", MODEL, "--svg", svg);
    assert.equal(alone.status, 2);
    assert.match(alone.stderr, /^salient: --svg needs --text FILE: add it\n$/);
  });
});
