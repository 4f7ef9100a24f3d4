import assert from "node:assert/strict";
import { temporaryDirectory } from "../core/checkpoint/checkpoint_files.ts";
import { FakeHub, sha256, TOKEN } from "../core/hub/fake_hub.ts";
import { runSalientWith, type SalientRun } from "./run_salient.ts";

const MODEL = "models/salient-tiny";

/** A command that may ask loopback, with the token. */
function run(
  hub: FakeHub,
  home: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<SalientRun> {
  return runSalientWith({
    task: "salient:hub",
    flags: ["--allow-net=127.0.0.1"],
    env: { HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_HUB_OFFLINE: "0", HF_TOKEN: TOKEN, ...env },
  }, ...args);
}

const QUANTIZE = ["--method", "rtn", "--group-size", "32", "--seq-len", "64"];

Deno.test("quantize --push measures, writes a card, and uploads both", async (t) => {
  await using hub = new FakeHub();
  await using home = await temporaryDirectory();
  const source = await hub.add("org/tiny", MODEL, {});
  source.cardData = { license: "apache-2.0" };
  const out = `${home.path}/out`;
  const id = "tester/tiny-rtn";
  const args = ["quantize", "org/tiny", ...QUANTIZE, "--out", out, "--push", id, "--private"];
  const { status, stdout, stderr } = await run(hub, home.path, args);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /perplexity \d+\.\d+ \(\+\d.* over 16 windows of 64 tokens of held-out/);
  assert.ok(stdout.includes(`pushed to ${hub.endpoint}/${id}, commit `), stdout);
  const { files } = hub.repositories.get(id)!;
  const card = new TextDecoder().decode(files.get("README.md"));
  assert.equal(card, await Deno.readTextFile(`${out}/README.md`));
  assert.match(card, /^license: "apache-2\.0"$/m);
  assert.match(card, /^base_model: "org\/tiny"$/m);
  assert.ok(card.includes(`\nsalient ${args.join(" ")}\n`), card);
  const [, original, quantized] = /\| original \| ([\d.]+) [^]*?\| this model \| ([\d.]+) /.exec(
    card,
  )!;
  assert.equal(
    sha256(files.get("model.safetensors")!),
    sha256(await Deno.readFile(`${out}/model.safetensors`)),
  );
  await t.step("the card's perplexities are those that eval prints", async () => {
    const text = ["--text", "held-out", "--windows", "16", "--seq-len", "64"];
    for (const [model, value] of [["org/tiny", original], [out, quantized]] as const) {
      const { stdout } = await run(hub, home.path, ["eval", model, ...text, "--json"]);
      assert.equal(JSON.parse(stdout).perplexity.toFixed(3), value);
    }
  });
  await t.step("what was pushed runs from the hub", async () => {
    const { status, stdout, stderr } = await run(hub, home.path, ["inspect", id]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /awq-gemm, 4 bits in groups of 32/);
  });
});

Deno.test("quantize --text measures without a push, and --json has it", async () => {
  await using home = await temporaryDirectory();
  const args = ["quantize", MODEL, ...QUANTIZE, "--out", `${home.path}/out`, "--json"];
  const { status, stdout, stderr } = await runSalientWith(
    {},
    ...[...args, "--text", "held-out", "--windows", "2"],
  );
  assert.equal(status, 0, stderr);
  const { measured, model } = JSON.parse(stdout);
  assert.equal(model, MODEL);
  assert.equal(measured.windows, 2);
  assert.equal(measured.tokens, 128);
  assert.ok(measured.quantized > measured.original);
  assert.deepEqual(
    [...Deno.readDirSync(`${home.path}/out`)].filter(({ name }) => name === "README.md"),
    [],
  );
});

Deno.test("a push that fails leaves the result, and push finishes it", async () => {
  await using hub = new FakeHub();
  await using home = await temporaryDirectory();
  const out = `${home.path}/my out.gguf`;
  const id = "tester/tiny-gguf";
  hub.faults.push({
    match: /objects\/batch/,
    answer: () => Response.json({ error: "Storage is full" }, { status: 403 }),
  });
  const args = ["quantize", MODEL, ...QUANTIZE, "--format", "gguf", "--out", out, "--push", id];
  const failed = await run(hub, home.path, [...args, "--windows", "2"]);
  assert.equal(failed.status, 2, failed.stderr);
  const [line = ""] = failed.stderr.trimEnd().split("\n").slice(-1);
  assert.match(line, /Storage is full/);
  const command = `push it again with salient push '${out}' ${id}`;
  assert.ok(line.endsWith(command), line);
  hub.faults.length = 0;
  const again = await run(hub, home.path, ["push", out, id, "--json"]);
  assert.equal(again.status, 0, again.stderr);
  assert.deepEqual(JSON.parse(again.stdout).files, ["README.md", "my out.gguf"]);
  const card = new TextDecoder().decode(hub.repositories.get(id)!.files.get("README.md"));
  assert.match(card, /\| this model \| \d/);
});

Deno.test("pushes that cannot succeed are refused before any work", async (t) => {
  await using hub = new FakeHub();
  await using home = await temporaryDirectory();
  const out = `${home.path}/out`;
  const short = `${home.path}/short.txt`;
  await Deno.writeTextFile(short, "Too short.");
  const quantize = ["quantize", MODEL, ...QUANTIZE, "--out", out];
  const cases: [string, RegExp, string[], Record<string, string>?][] = [
    ["no token", /cannot be pushed without a token: set HF_TOKEN/, [
      ...quantize,
      "--push",
      "tester/a",
    ], {
      HF_TOKEN: "",
    }],
    ["another account", /may write to tester, org/, [...quantize, "--push", "other/a"]],
    ["no repository", /give org\/name/, [...quantize, "--push", "a"]],
    ["--private alone", /--private needs --push/, [...quantize, "--private"]],
    ["--windows alone", /--windows needs --text/, [...quantize, "--windows", "2"]],
    ["a text that is too short", /fewer than a window/, [...quantize, "--text", short]],
    ["a directory that holds no model", /config\.json|no weights/, ["push", home.path, "tester/a"]],
    ["a directory that is not there", /does not exist/, ["push", `${home.path}/none`, "tester/a"]],
  ];
  for (const [name, pattern, args, env] of cases) {
    await t.step(name, async () => {
      const { status, stderr } = await run(hub, home.path, args, env);
      assert.match(stderr, pattern);
      const lines = stderr.trimEnd().split("\n").filter((line) => !line.startsWith("warning: "));
      assert.equal(lines.length, 1, stderr);
      assert.equal(status, 2, stderr);
    });
  }
  await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
  assert.deepEqual(hub.uploads.created, []);
});
