import assert from "node:assert/strict";
import { HUB_HOSTS } from "../../core/hub/check_network.ts";
import { HUB_VARIABLES } from "../../core/hub/hub_settings.ts";
import { temporaryDirectory } from "../core/checkpoint/checkpoint_files.ts";
import { FakeHub } from "../core/hub/fake_hub.ts";
import { runSalientWith, type SalientRun, taskFlags } from "./run_salient.ts";

const MODEL = "models/salient-tiny";
const ID = "org/tiny";

async function openHub(): Promise<FakeHub> {
  const hub = new FakeHub();
  await hub.add(ID, MODEL, { "README.md": "# Tiny" });
  return hub;
}

/** A command of the task with the network, which may ask loopback too. */
function run(hub: FakeHub, home: string, ...args: string[]): Promise<SalientRun> {
  return runSalientWith({
    task: "salient:hub",
    flags: ["--allow-net=127.0.0.1"],
    env: { HOME: home, HF_ENDPOINT: hub.endpoint, HF_HUB_OFFLINE: "0" },
  }, ...args);
}

Deno.test("the task salient:hub may do what the hub needs, and salient has no network", () => {
  const flags = taskFlags("salient:hub");
  assert.ok(flags.includes(`--allow-net=${HUB_HOSTS.join(",")}`));
  assert.ok(flags.includes(`--allow-env=${HUB_VARIABLES.join(",")}`));
  const usual = taskFlags("salient").join(" ");
  assert.doesNotMatch(usual, /allow-net|TOKEN|-A/);
});

Deno.test("every command that reads a model reads one of the hub", async (t) => {
  await using hub = await openHub();
  await using home = await temporaryDirectory();
  const text = ["--text", "held-out", "--windows", "2", "--seq-len", "64"];
  const out = `${home.path}/out`;
  const cases: [string, string[], RegExp][] = [
    ["inspect", ["inspect", ID], /^org\/tiny: llama, 5 blocks/],
    ["eval", ["eval", `${ID}@main`, ...text], /^perplexity \d/],
    [
      "generate",
      ["generate", ID, "--prompt", "The state of", "--max-tokens", "3"],
      /^The state of/,
    ],
    [
      "quantize",
      ["quantize", ID, "--method", "rtn", "--group-size", "32", "--out", out],
      /rtn, 4 bits/,
    ],
    ["convert", ["convert", ID, "--format", "gguf", "--out", `${home.path}/m.gguf`], /became gguf/],
    ["compare", [
      ...["compare", ID, "--methods", "rtn", "--bits", "4", "--group-size", "32"],
      ...["--samples", "2", ...text],
    ], /rtn/i],
  ];
  for (const [name, args, pattern] of cases) {
    await t.step(name, async () => {
      const { status, stdout, stderr } = await run(hub, home.path, ...args);
      assert.equal(status, 0, stderr);
      assert.match(stdout, pattern);
    });
  }
  await t.step("--json says what was asked for, and the commit", async () => {
    const { stdout, stderr } = await run(hub, home.path, "inspect", ID, "--json");
    const { model, commit } = JSON.parse(stdout);
    assert.equal(model, ID);
    assert.equal(commit, hub.repositories.get(ID)!.commit);
    assert.doesNotMatch(stderr, /download/);
  });
  assert.equal(hub.lines(/content/).length, 1);
  await t.step("what was fetched serves without the network", async () => {
    hub.seen.length = 0;
    const env = { HOME: home.path, HF_ENDPOINT: hub.endpoint };
    const { status, stdout, stderr } = await runSalientWith({ env }, "inspect", ID);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^org\/tiny: llama/);
    assert.deepEqual(hub.seen, []);
  });
});

Deno.test("a model of the hub that cannot be had is one line and exit status 2", async (t) => {
  await using hub = await openHub();
  await using home = await temporaryDirectory();
  const refused = async (pattern: RegExp, result: Promise<SalientRun>): Promise<void> => {
    const { status, stdout, stderr } = await result;
    assert.equal(stdout, "");
    assert.match(stderr, pattern);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.equal(status, 2, stderr);
  };
  const env = { HOME: home.path, HF_ENDPOINT: "", HF_HUB_OFFLINE: "0" };
  await t.step("without the network", () =>
    refused(
      /org\/tiny is no directory here.*huggingface\.co: run `deno task salient:hub`.*--allow-net=huggingface\.co,/,
      runSalientWith({ env }, "inspect", ID),
    ));
  await t.step("with another hub, whose address Deno may not ask", () =>
    refused(
      /add --allow-net=hub\.example /,
      runSalientWith(
        { task: "salient:hub", env: { ...env, HF_ENDPOINT: "https://hub.example" } },
        "inspect",
        ID,
      ),
    ));
  await t.step("a redirect to a server that Deno may not ask", async () => {
    const location = "http://files.example/x";
    hub.faults.push({
      match: /resolve/,
      answer: () => new Response(null, { status: 302, headers: { location } }),
    });
    await refused(
      /not allowed to ask files\.example: add --allow-net=.*files\.example/,
      run(hub, home.path, "inspect", ID),
    );
    hub.faults.length = 0;
  });
  await t.step("offline", () =>
    refused(
      /not in the cache at main; HF_HUB_OFFLINE/,
      runSalientWith({ env: { ...env, HF_HUB_OFFLINE: "1" } }, "inspect", ID),
    ));
  await t.step("an address that is none", () =>
    refused(
      /HF_ENDPOINT is "hub"/,
      runSalientWith({ env: { ...env, HF_ENDPOINT: "hub" } }, "inspect", ID),
    ));
  await t.step(
    "a repository that is not there",
    () =>
      refused(
        /org\/nothing was not found/,
        run(hub, home.path, "eval", "org/nothing", "--text", "held-out"),
      ),
  );
});
