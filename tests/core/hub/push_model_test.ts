import assert from "node:assert/strict";
import {
  checkPush,
  openBackend,
  pushModel,
  type PushModelOptions,
  quantize,
  rtn,
} from "../../../mod.ts";
import { temporaryDirectory } from "../checkpoint/checkpoint_files.ts";
import { FakeHub, sha256, TOKEN } from "./fake_hub.ts";
import { MODEL, refused } from "./hub_stage.ts";

function options(hub: FakeHub, more: Partial<PushModelOptions> = {}): PushModelOptions {
  return {
    backoff: 0.001,
    attempts: 3,
    ...more,
    settings: { endpoint: hub.endpoint, token: TOKEN, offline: false, ...more.settings },
  };
}

/** A small quantized checkpoint. */
async function write(out: string, format?: string): Promise<string> {
  using backend = await openBackend("auto");
  const plugins = [rtn({ bits: 4, groupSize: 32 })];
  await quantize({
    model: MODEL,
    backend,
    plugins,
    out,
    ...(format === undefined ? {} : { format }),
  });
  return out;
}

Deno.test("pushModel() makes the repository and uploads the checkpoint in one commit", async () => {
  for (const chunkSize of [undefined, 300_000]) {
    await using hub = new FakeHub();
    hub.uploads.chunkSize = chunkSize;
    await using folder = await temporaryDirectory();
    const out = await write(`${folder.path}/out`);
    await Deno.writeTextFile(`${out}/notes.txt`, "mine");
    await Deno.mkdir(`${out}/cache`);
    const progress: number[][] = [];
    const report = await pushModel(
      out,
      "tester/tiny-rtn",
      options(hub, {
        card: "# Card",
        private: true,
        onProgress: (bytes, total) => progress.push([bytes, total]),
      }),
    );
    assert.equal(report.url, `${hub.endpoint}/tester/tiny-rtn`);
    assert.deepEqual(report.leftOut, ["cache", "notes.txt"]);
    assert.deepEqual(hub.uploads.created.map(({ visibility }) => visibility), ["private"]);
    assert.equal(hub.uploads.commits.length, 1);
    const { files, commit } = hub.repositories.get("tester/tiny-rtn")!;
    assert.equal(report.commit, commit);
    for (const name of report.files) {
      const wanted = name === "README.md"
        ? new TextEncoder().encode("# Card")
        : await Deno.readFile(`${out}/${name}`);
      assert.equal(sha256(files.get(name)!), sha256(wanted), name);
    }
    assert.ok(
      report.files.includes("model.safetensors") && report.files.includes("tokenizer.json"),
    );
    assert.equal(progress.at(-1)![0], progress.at(-1)![1]);
    const parts = hub.lines(/PUT \/upload/).length;
    assert.equal(parts, chunkSize === undefined ? 1 : 4);
    // The storage is not the hub: it does not get the token.
    for (const { storage, authorization } of hub.seen) {
      assert.equal(authorization, storage ? null : `Bearer ${TOKEN}`);
    }
  }
});

Deno.test("pushModel() a second time replaces weights of other names, and sends nothing twice", async () => {
  await using hub = new FakeHub();
  await using folder = await temporaryDirectory();
  const out = await write(`${folder.path}/out`);
  await hub.add("org/tiny", undefined, {
    "model-00001-of-00002.safetensors": "old",
    "model-00002-of-00002.safetensors": "old",
    "model.safetensors.index.json": "{}",
    "quantize_config.json": "{}",
    "training_args.bin": "kept",
    "adapter.safetensors": "kept",
  });
  const report = await pushModel(out, "org/tiny", options(hub));
  assert.deepEqual(report.removed, [
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "quantize_config.json",
  ]);
  const left = [...hub.repositories.get("org/tiny")!.files.keys()].sort();
  assert.deepEqual(left.filter((name) => !report.files.includes(name)), [
    "adapter.safetensors",
    "training_args.bin",
  ]);
  hub.seen.length = 0;
  await pushModel(out, "org/tiny", options(hub));
  assert.deepEqual(hub.lines(/PUT/), []);
});

Deno.test("pushModel() of a GGUF file adds it to what is there", async () => {
  await using hub = new FakeHub();
  await using folder = await temporaryDirectory();
  const out = await write(`${folder.path}/tiny-q4.gguf`, "gguf");
  await hub.add("org/gguf", undefined, { "tiny-q8.gguf": "other" });
  const report = await pushModel(out, "org/gguf", options(hub, { card: "# GGUF" }));
  assert.deepEqual(report.files, ["README.md", "tiny-q4.gguf"]);
  assert.deepEqual([...hub.repositories.get("org/gguf")!.files.keys()].sort(), [
    "README.md",
    "tiny-q4.gguf",
    "tiny-q8.gguf",
  ]);
});

Deno.test("pushModel() sends again what did not arrive, and counts it once", async () => {
  await using hub = new FakeHub();
  await using folder = await temporaryDirectory();
  const out = await write(`${folder.path}/out`);
  hub.faults.push(
    { match: /PUT/, times: 1, answer: () => new Response("SlowDown", { status: 503 }) },
    { match: /preupload/, times: 1, answer: () => new Response(null, { status: 429 }) },
  );
  const counts: number[] = [];
  await pushModel(out, "org/tiny", options(hub, { onProgress: (bytes) => counts.push(bytes) }));
  assert.equal(hub.lines(/PUT/).length, 2);
  const { size } = await Deno.stat(`${out}/model.safetensors`);
  assert.equal(counts.at(-2), size);
  assert.ok(counts.includes(0), "what was refused was not taken back");
});

Deno.test("pushModel() that fails leaves the repository and the directory as they were", async () => {
  await using hub = new FakeHub();
  await using folder = await temporaryDirectory();
  const out = await write(`${folder.path}/out`);
  await hub.add("org/tiny", undefined, { "README.md": "old" });
  const cases: [RegExp, number, RegExp][] = [
    [/PUT/, 503, /answers 503/],
    [/objects\/batch/, 403, /has no right to it/],
    [/POST .*\/commit/, 500, /answers 500/],
  ];
  for (const [match, status, message] of cases) {
    hub.faults.splice(0, 1, { match, answer: () => Response.json({ error: "no" }, { status }) });
    await assert.rejects(pushModel(out, "org/tiny", options(hub)), refused(message));
    assert.deepEqual([...hub.repositories.get("org/tiny")!.files.keys()], ["README.md"]);
  }
  assert.ok((await Deno.stat(`${out}/model.safetensors`)).isFile);
});

Deno.test("checkPush() refuses before any work what would be refused after it", async (t) => {
  await using hub = new FakeHub();
  await hub.add("tester/public", undefined, {});
  await t.step("a token that may write", () => checkPush("tester/new", options(hub)));
  await t.step("an organisation of its account", () => checkPush("org/new", options(hub)));
  await t.step(
    "private, where there is nothing yet",
    () => checkPush("tester/new", options(hub, { private: true })),
  );
  const cases: [string, string, Partial<PushModelOptions>, RegExp][] = [
    ["no repository", "tiny", {}, /no repository to push to: give org\/name/],
    ["a revision", "tester/tiny@v1", {}, /no repository to push to/],
    [
      "no token",
      "tester/tiny",
      { settings: { token: undefined } },
      /without a token: set HF_TOKEN/,
    ],
    [
      "an unknown token",
      "tester/tiny",
      { settings: { token: "hf_other" } },
      /does not know the token/,
    ],
    ["somebody else's name", "other/tiny", {}, /may write to tester, org/],
    ["offline", "tester/tiny", { settings: { offline: true } }, /HF_HUB_OFFLINE is set/],
    ["public, not private", "tester/public", { private: true }, /is public already/],
  ];
  for (const [name, id, more, message] of cases) {
    await t.step(name, () => assert.rejects(checkPush(id, options(hub, more)), refused(message)));
  }
  await t.step("a token that may only read", async () => {
    hub.uploads.role = "read";
    await assert.rejects(checkPush("tester/tiny", options(hub)), refused(/may only read/));
  });
  assert.deepEqual(hub.uploads.created, []);
});
