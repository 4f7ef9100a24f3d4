import assert from "node:assert/strict";
import { HUB_HOSTS } from "../../core/hub/check_network.ts";
import { HUB_VARIABLES } from "../../core/hub/hub_settings.ts";
import { temporaryDirectory } from "../core/checkpoint/checkpoint_files.ts";
import { FakeHub, sha256 } from "../core/hub/fake_hub.ts";
import { sizeOf } from "../core/hub/hub_stage.ts";
import { runSalientWith, salientCommand, type SalientRun, taskFlags } from "./run_salient.ts";

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
    env: { HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_HUB_OFFLINE: "0" },
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
    const env = { HF_HOME: home.path, HF_ENDPOINT: hub.endpoint };
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
  const env = { HF_HOME: home.path, HF_ENDPOINT: "", HF_HUB_OFFLINE: "0" };
  await t.step("without the network", () =>
    refused(
      /org\/tiny is no directory here.*huggingface\.co: run `deno task salient:hub`.*--allow-net='huggingface\.co,/,
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
  await t.step("a disk that is too small, before anything is fetched", async () => {
    const oid = "0".repeat(40);
    const lfs = { oid: "0".repeat(64), size: 2 ** 50, pointerSize: 130 };
    const entries = [
      { type: "file", path: "config.json", size: 10, oid },
      { type: "file", path: "model.safetensors", size: 2 ** 50, oid, lfs },
    ];
    hub.faults.push({ match: /tree/, answer: () => Response.json(entries) });
    hub.seen.length = 0;
    await refused(
      /needs 1048576\.00 GiB more in .*whose disk has \d+\.\d+ GiB left/,
      run(hub, home.path, "inspect", ID),
    );
    assert.deepEqual(hub.lines(/resolve/), []);
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

Deno.test("two processes that want the same model fetch it once", async () => {
  await using hub = await openHub();
  await using home = await temporaryDirectory();
  hub.faults.push({ match: /content/, times: 1, stallAfter: 100_000 });
  const both = [1, 2].map(() => run(hub, home.path, "inspect", ID, "--json"));
  while (hub.lines(/content/).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  // The other one has had the time to want it too.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  hub.release();
  for (const { status, stdout, stderr } of await Promise.all(both)) {
    assert.equal(status, 0, stderr);
    assert.equal(JSON.parse(stdout).model, ID);
  }
  const ranges = hub.seen.filter(({ storage }) => storage).map(({ range }) => range);
  assert.deepEqual(ranges, [null, "bytes=100000-"]);
});

Deno.test("Ctrl-C keeps what has come, says so, and the next run goes on from there", async () => {
  await using hub = await openHub();
  await using home = await temporaryDirectory();
  hub.faults.push({ match: /content/, times: 1, stallAfter: 100_000 });
  const child = salientCommand(["inspect", ID], "main.ts", {
    task: "salient:hub",
    flags: ["--allow-net=127.0.0.1"],
    env: { HF_HOME: home.path, HF_ENDPOINT: hub.endpoint },
  }).spawn();
  const weights = hub.repositories.get(ID)!.files.get("model.safetensors")!;
  const incomplete = `${home.path}/hub/models--org--tiny/blobs/${sha256(weights)}.incomplete`;
  while (await sizeOf(incomplete) < 100_000) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGINT");
  const { code, stderr } = await child.output();
  assert.equal(code, 130);
  assert.match(
    new TextDecoder().decode(stderr),
    /Interrupted: what has come of org\/tiny is kept, the next run goes on from there/,
  );
  hub.seen.length = 0;
  const { status } = await run(hub, home.path, "inspect", ID);
  assert.equal(status, 0);
  const ranges = hub.seen.filter(({ storage }) => storage).map(({ range }) => range);
  assert.deepEqual(ranges, ["bytes=100000-"]);
});

Deno.test("where Deno may not make links, files are moved into the snapshot, and found again", async () => {
  await using hub = await openHub();
  await using home = await temporaryDirectory();
  const flags = [
    `--allow-read=.,${home.path}`,
    `--allow-write=${home.path}`,
    "--allow-net=127.0.0.1",
    "--allow-env=HF_ENDPOINT,HF_HUB_CACHE,HOME",
    "--allow-ffi=ffi/native/prebuilt,ffi/native/build",
  ];
  const script = [Deno.execPath(), ["run", "--quiet", "--no-check", ...flags, "main.ts"]] as const;
  const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: home.path, HF_HUB_OFFLINE: "0" };
  for (const fetched of [1, 1]) {
    const { success, stderr } = await new Deno.Command(script[0], {
      args: [...script[1], "inspect", ID],
      cwd: new URL("../../", import.meta.url),
      env,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.equal(hub.lines(/content/).length, fetched);
  }
  const { commit } = hub.repositories.get(ID)!;
  const path = `${home.path}/models--org--tiny/snapshots/${commit}/model.safetensors`;
  assert.ok((await Deno.lstat(path)).isFile);
});
